package acceptance

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

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

// addHooks adds receivers for scripts: $HOOK, which keeps what it gets in the
// file $HOOKED; the same at $GUARDED for who knows its token and its header;
// and the same encrypted at $TLSHOOK, with the CA in the file $CA.
func addHooks(env *testscript.Env, web *http.ServeMux, url string) error {
	hooked, ca := filepath.Join(env.WorkDir, "hooked"), filepath.Join(env.WorkDir, "ca.pem")
	h := &hook{keep: func(line string) error { return appendLine(hooked, line) }}
	web.Handle("/hook", h)
	web.HandleFunc("/guarded", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t0ken" || r.Header.Get("X-Team") != "lab" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
	encrypted := httptest.NewTLSServer(h)
	env.Defer(encrypted.Close)
	for name, value := range map[string]string{
		"HOOK": url + "/hook", "GUARDED": url + "/guarded", "HOOKED": hooked, "TLSHOOK": encrypted.URL, "CA": ca,
	} {
		env.Setenv(name, value)
	}
	block := &pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw}
	return os.WriteFile(ca, pem.EncodeToMemory(block), 0o600)
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
