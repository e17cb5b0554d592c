package logs

import (
	"context"
	"log/slog"
	"slices"
)

// syslogHandler turns records into lines of a Syslog. The attributes run, step,
// attempt and stream become labels; the others follow the message in logfmt.
type syslogHandler struct {
	out    *Syslog
	labels [labelCount]string
	attrs  []byte // in logfmt, a blank before each
	group  string // prefix of the keys that come
}

// Enabled compares with the level of the Syslog.
func (h *syslogHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.out.level.Level()
}

// Handle queues a record. It never waits and never fails.
func (h *syslogHandler) Handle(_ context.Context, r slog.Record) error {
	m := message{time: r.Time, level: r.Level, seq: h.out.seq.Add(1), labels: h.labels}
	m.text = appendHarmless(make([]byte, 0, len(r.Message)+len(h.attrs)+64), r.Message)
	m.text = append(m.text, h.attrs...)
	r.Attrs(func(a slog.Attr) bool {
		m.text = h.add(&m.labels, m.text, a)
		return true
	})
	h.out.writer.queue.put(line{data: h.out.format.build(h.out.format, m)})
	return nil
}

// add takes an attribute as a label, or appends it.
func (h *syslogHandler) add(labels *[labelCount]string, attrs []byte, a slog.Attr) []byte {
	names := labelNames()
	if i := slices.Index(names[:], a.Key); i >= 0 && h.group == "" {
		labels[i] = a.Value.Resolve().String()
		return attrs
	}
	return appendAttr(attrs, h.group, a)
}

// WithAttrs gives a handler that adds attributes to every record.
func (h *syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	more := *h
	more.attrs = slices.Clone(h.attrs)
	for _, a := range attrs {
		more.attrs = h.add(&more.labels, more.attrs, a)
	}
	return &more
}

// WithGroup gives a handler that puts a name before the keys that come.
func (h *syslogHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	more := *h
	more.group += name + "."
	return &more
}
