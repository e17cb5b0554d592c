package notify

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// A receiver that answers 500 and 503, drops connections, and then takes what
// it gets: it has everything in its order, and duplicates have their ID.
func TestFlakyReceiver(t *testing.T) {
	st := newStory(t)
	var mu sync.Mutex
	var got []string
	tries := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tries++
		switch tries {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
			return
		case 3:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got = append(got, r.Header.Get("Webhook-Id"))
		if tries == 5 { // taken, but kog never hears of it
			panic(http.ErrAbortHandler)
		}
	})
	s.Config.ErrorLog = quiet()
	set := New(Options{On: all}, newTestHTTP(t, s.URL, HTTPOptions{}))
	set.Begin("r1", t.TempDir(), st.job)
	st.tell(set, len(st.events))
	status, message := set.End(context.Background(), "r1")
	if status != "ok" {
		t.Errorf("%s: %s", status, message)
	}
	if text := fmt.Sprint(got); text != "[r1-2 r1-4 r1-5 r1-5 r1-6 r1-8]" {
		t.Errorf("got %s", text)
	}
}

// A receiver that dies and comes back on the same port gets what it missed.
func TestReceiverComesBack(t *testing.T) {
	st, dir := newStory(t), t.TempDir()
	var mu sync.Mutex
	var got []string
	arrived := make(chan struct{}, 10)
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header.Get("Webhook-Id"))
		arrived <- struct{}{}
	})
	first := serve(t, handler)
	addr := first.Listener.Addr().String()
	set := New(Options{On: all}, newTestHTTP(t, first.URL, HTTPOptions{}))
	set.Begin("r1", dir, st.job)
	st.tell(set, 2)
	<-arrived
	untilEmpty(t, set.runs["r1"].boxes[0])
	first.Close()
	st.tell(set, len(st.events))
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	second := httptest.NewUnstartedServer(handler)
	_ = second.Listener.Close()
	second.Listener = l
	second.Start()
	t.Cleanup(second.Close)
	if status, message := set.End(context.Background(), "r1"); status != "ok" {
		t.Errorf("%s: %s", status, message)
	}
	if text := fmt.Sprint(got); text != everything {
		t.Errorf("got %s", text)
	}
}

// A receiver that takes connections and says nothing: ctx ends the try, and
// the name of the wait is in the error.
func TestSilentReceiver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	err = newTestHTTP(t, "http://"+l.Addr().String(), HTTPOptions{}).Notify(ctx, hello)
	if err == nil || err.Error() != "no answer within 10s" {
		t.Errorf("error %v", err)
	}
}
