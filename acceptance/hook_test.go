package acceptance

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"gitlab.com/f5-pwe/kog/v3"
	"gitlab.com/f5-pwe/kog/v3/notify"
)

// hook is a receiver of notifications: it keeps each as one line, its ID and
// its body.
type hook struct {
	// refuse, if set, says with which status a request is answered that is not
	// kept; 0 keeps it.
	refuse func() int

	mu   sync.Mutex
	keep func(line string) error
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse != nil {
		if code := h.refuse(); code != 0 {
			w.WriteHeader(code)
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = h.keep(fmt.Sprintf("%s %s", r.Header.Get("Webhook-Id"), body))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, line)
	return errors.Join(err, f.Close())
}

// notifyAll tells a URL of every occasion.
func notifyAll(url string) (kog.Notifiers, error) {
	to, err := notify.NewHTTP(url, notify.HTTPOptions{})
	if err != nil {
		return nil, err
	}
	return notify.New(notify.Options{On: []notify.Kind{notify.StepStart, notify.StepEnd, notify.JobEnd}}, to), nil
}
