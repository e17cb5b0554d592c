package mask

import (
	"slices"

	"gitlab.com/f5-pwe/kog/v3/event"
	"gitlab.com/f5-pwe/kog/v3/job"
)

// Payload gives an event as it is written and shown. What a resumed run gives
// to containers is sealed, all other text masked. Names in the job, run IDs,
// images and handles stay as they are.
func (m *Masker) Payload(p event.Payload) (event.Payload, error) {
	var err error
	switch p := p.(type) {
	case event.RunStarted:
		p.Task, p.CorrelationID, p.JobSource = m.Seal(p.Task), m.Seal(p.CorrelationID), m.Seal(p.JobSource)
		p.Options.Volumes = each(p.Options.Volumes, m.Seal)
		p.Context, err = m.SealValues(p.Context)
		return p, err
	case event.StepStopping:
		p.Reason = m.Seal(p.Reason)
		return p, nil
	case event.StepFinished:
		p.Message, p.Warnings = m.Seal(p.Message), each(p.Warnings, m.String)
		if p.Context != nil {
			var sealed job.Values
			sealed, err = m.SealValues(*p.Context)
			p.Context = &sealed
		}
		return p, err
	case event.StepRemoved:
		p.Error = m.String(p.Error)
		return p, nil
	case event.StepProgress:
		p.Message = m.String(p.Message)
		return p, nil
	case event.RunFinished:
		p.Message = m.String(p.Message)
		return p, nil
	}
	return p, nil
}

// State opens the state of a run that was folded from such events.
// Errors: *MissingError.
func (m *Masker) State(s event.State) (event.State, error) {
	o := opener{m: m}
	s.Started.Task = o.text(s.Started.Task)
	s.Started.CorrelationID = o.text(s.Started.CorrelationID)
	s.Started.JobSource = o.text(s.Started.JobSource)
	s.Started.Options.Volumes = each(s.Started.Options.Volumes, o.text)
	s.Started.Context = o.values(s.Started.Context)
	s.Values = o.values(s.Values)
	if s.Open != nil && s.Open.Stopping != nil {
		open, stopping := *s.Open, *s.Open.Stopping
		stopping.Reason = o.text(stopping.Reason)
		open.Stopping, s.Open = &stopping, &open
	}
	if s.Last != nil {
		last := o.result(*s.Last)
		s.Last = &last
	}
	s.Results, s.Troubles = each(s.Results, o.result), each(s.Troubles, o.result)
	return s, o.err
}

// opener opens texts and remembers its first error.
type opener struct {
	m   *Masker
	err error
}

func (o *opener) text(s string) string {
	text, err := o.m.Open(s)
	if o.err == nil {
		o.err = err
	}
	return text
}

func (o *opener) values(v job.Values) job.Values {
	values, err := o.m.OpenValues(v)
	if o.err == nil {
		o.err = err
	}
	return values
}

func (o *opener) result(r event.Result) event.Result {
	r.Message = o.text(r.Message)
	return r
}

func each[T any](list []T, f func(T) T) []T {
	out := slices.Clone(list)
	for i, v := range out {
		out[i] = f(v)
	}
	return out
}
