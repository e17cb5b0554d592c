package docker

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/jsonstream"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

func TestTransferAddsUpLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []executor.Progress
		layers := transfer{req: executor.ImageRequest{Ref: "x:1", Progress: func(p executor.Progress) { got = append(got, p) }}}
		say := func(id, status string, current, total int64) {
			layers.add(jsonstream.Message{ID: id, Status: status, Progress: &jsonstream.Progress{Current: current, Total: total}})
		}
		say("a", "Downloading", 10, 100)
		say("b", "Downloading", 5, 50) // too soon to be told
		say("a", "Extracting", 90, 100)
		layers.add(jsonstream.Message{Status: "Pulling from x", ID: "1"})
		time.Sleep(progressEvery)
		say("a", "Downloading", 40, 100)
		time.Sleep(progressEvery)
		say("b", "Extracting", 50, 50)
		say("", "Downloading", 7, 7)
		say("b", "Downloading", 50, 50)
		want := []executor.Progress{
			{Message: "pulling x:1", Done: 10, Total: 100},
			{Message: "pulling x:1", Done: 45, Total: 150},
			{Message: "pulling x:1", Done: 90, Total: 150},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTransferWithoutListener(t *testing.T) {
	layers := transfer{req: executor.ImageRequest{Ref: "x:1"}}
	layers.add(jsonstream.Message{ID: "a", Status: "Downloading", Progress: &jsonstream.Progress{Current: 1, Total: 2}})
	if layers.done["a"] != 1 {
		t.Errorf("counted %v", layers.done)
	}
}

func TestLoadedName(t *testing.T) {
	id := "sha256:" + strings.Repeat("a", 64)
	for name, test := range map[string]struct{ answer, want, err string }{
		"named":       {`{"stream":"Loaded image: x:1\n"}`, "x:1", ""},
		"by content":  {`{"stream":"Loaded image ID: ` + id + `\n"}`, id, ""},
		"Podman":      {`{"stream":"Loaded image(s): localhost/x:1"}`, "localhost/x:1", ""},
		"Podman 4":    {`{"stream":"Loaded image: localhost/x:1"}`, "localhost/x:1", ""},
		"several":     {`{"stream":"Loaded image: x:1\n"}` + "\r\n" + `{"stream":"Loaded image: x:2\n"}`, "x:2", ""},
		"in one":      {`{"stream":"Loaded image: x:1\nLoaded image: x:2\n"}`, "x:2", ""},
		"progress":    {`{"status":"Loading layer","progressDetail":{"current":1,"total":2},"id":"a"}{"stream":"Loaded image: x:1\n"}`, "x:1", ""},
		"error":       {`{"errorDetail":{"message":"no room"},"error":"no room"}`, "", "no room"},
		"late error":  {`{"stream":"Loaded image: x:1\n"}{"errorDetail":{"message":"no room"}}`, "", "no room"},
		"nothing":     {``, "", "does not say"},
		"other words": {`{"stream":"hello\n"}`, "", "does not say"},
		"no JSON":     {`<html>`, "", "read the engine's answer"},
		"cut off":     {`{"stream":"Loaded image: x:1\n"`, "", "read the engine's answer"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := loadedName(strings.NewReader(test.answer))
			if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %q, %v; want %q, %q", got, err, test.want, test.err)
			}
		})
	}
}
