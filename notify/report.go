package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The values of notify_status.
const (
	statusOK     = "ok"
	statusFailed = "failed"
)

// report says how telling a run went, after its outboxes have ended.
func (r *run) report() (status, message string) {
	status = statusOK
	var parts []string
	for _, o := range r.boxes {
		part, ok := o.report()
		if !ok {
			status = statusFailed
		}
		if part != "" {
			parts = append(parts, o.label+": "+part)
		}
	}
	for _, o := range r.orphans {
		status = statusFailed
		parts = append(parts, o)
	}
	return status, strings.Join(parts, "; ")
}

func (o *outbox) report() (text string, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var parts []string
	if n := len(o.waiting) + o.unkept; n > 0 {
		parts = append(parts, fmt.Sprintf("%d not delivered", n))
	}
	if o.refused > 0 {
		parts = append(parts, fmt.Sprintf("%d refused", o.refused))
	}
	if o.spool == nil && len(parts) == 0 {
		parts = append(parts, "no spool")
	}
	if ok = len(parts) == 0; ok && o.trouble != "" {
		parts = append(parts, "all delivered")
	}
	if o.trouble != "" {
		parts = append(parts, "last trouble: "+o.trouble)
	}
	return strings.Join(parts, ", "), ok
}

// orphans tells of spools whose notifier was given to an earlier process, not
// to this one, and that hold something still. They are left as they are.
func orphans(dir string, known []string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // no folder, no spool
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() || slices.Contains(known, e.Name()) {
			continue
		}
		s, c, err := openSpool(filepath.Join(dir, e.Name()))
		if err != nil {
			out = append(out, fmt.Sprintf("spool %s of a notifier that was not given again: %v", e.Name(), err))
			continue
		}
		_ = s.close()
		if len(c.waiting) > 0 {
			out = append(out, fmt.Sprintf("spool %s of a notifier that was not given again: %d not delivered", e.Name(), len(c.waiting)))
		}
	}
	return out
}
