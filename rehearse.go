package kog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"gitlab.com/f5-pwe/kog/v3/executor"
	"gitlab.com/f5-pwe/kog/v3/internal/engine"
)

// maxRehearsals is how many actions an executor looks at at once.
const maxRehearsals = 8

// rehearse lets an executor look at each action as a step would start it, and
// adds what it finds. The error is that of ctx. An action for which no spec can
// be made is left alone: its steps will say why, if they come to it.
func (f *refusals) rehearse(ctx context.Context, exec executor.Rehearser, p plan, used []use) error {
	errs := make([]error, len(used))
	var all sync.WaitGroup
	free := make(chan struct{}, maxRehearsals)
	for i, u := range used {
		spec, err := engine.Specimen(p.cfg, p.id, p.opening, u.at)
		if err != nil {
			continue
		}
		free <- struct{}{}
		all.Go(func() {
			if errs[i] = spec.Check(); errs[i] == nil {
				errs[i] = exec.Rehearse(ctx, spec)
			}
			<-free
		})
	}
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f.addRehearsals(used, errs)
	return nil
}

// addRehearsals adds what rehearsals found, apart from what was told already.
func (f *refusals) addRehearsals(used []use, errs []error) {
	refused := len(f.asked) > 0
	var order []error
	actions := map[string][]string{} // by the text of an error without a place
	for i, u := range used {
		told := f.told[u.act.Name]
		settings, others := splitRehearsal(errs[i])
		for _, s := range settings {
			if !told[s.Key] {
				f.tell(u.act, s.Key, s.Err)
			}
		}
		for _, err := range others {
			if errors.Is(err, executor.ErrUnsupported) && (refused || len(told) > 0) {
				continue
			}
			text := err.Error()
			if actions[text] == nil {
				order = append(order, err)
			}
			actions[text] = append(actions[text], fmt.Sprintf("%q", u.act.Name))
		}
	}
	for _, err := range order {
		f.asked = append(f.asked, fmt.Errorf("action %s: %w", strings.Join(actions[err.Error()], ", "), err))
	}
}

// splitRehearsal parts the mistakes in settings from all else.
func splitRehearsal(err error) (settings []*executor.SettingError, others []error) {
	if _, ok := errors.AsType[*executor.SettingError](err); !ok {
		if err != nil {
			others = append(others, err)
		}
		return nil, others
	}
	switch err := err.(type) { //nolint:errorlint // one level at a time
	case *executor.SettingError:
		return []*executor.SettingError{err}, nil
	case interface{ Unwrap() []error }:
		for _, part := range err.Unwrap() {
			s, o := splitRehearsal(part)
			settings, others = append(settings, s...), append(others, o...)
		}
	case interface{ Unwrap() error }:
		return splitRehearsal(err.Unwrap())
	}
	return settings, others
}
