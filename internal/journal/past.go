package journal

import (
	"io"
	"os"

	"gitlab.com/f5-pwe/kog/v3/event"
)

// Past is a run that is only read, from its folder. It is not locked: the run
// may be ended, left, or executed by another process meanwhile.
type Past struct {
	store *Store
	id    string
}

// Past gives the reader of one run. Whether there is such a run shows when it
// is read.
func (s *Store) Past(id string) *Past { return &Past{s, id} }

// Events hands the events to each, from the first; see Store.Read. It can be
// called again.
func (p *Past) Events(each func(event.Event) error) error { return p.store.Read(p.id, each) }

// OpenLog opens the file with one stream ("stdout", "stderr") of an attempt.
// An attempt whose container never ran has none: fs.ErrNotExist.
func (p *Past) OpenLog(attempt int, step, stream string) (io.ReadCloser, error) {
	r := Run{dir: p.store.Dir(p.id)}
	return os.Open(r.LogPath(attempt, step, stream))
}
