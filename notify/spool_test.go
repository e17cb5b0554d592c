package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func testRecord(seq uint64) record {
	return record{Seq: seq, ID: fmt.Sprintf("r-%d", seq), ContentType: "application/json", Body: []byte(`{"a":"<&>"}`)}
}

// fill makes a spool with the records 2, 5 and 9, the first of them delivered.
func fill(t *testing.T, dir string) {
	t.Helper()
	s, _, err := openSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{2, 5, 9} {
		e, err := s.append(testRecord(seq))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.read(e); err != nil || r.ID != testRecord(seq).ID || string(r.Body) != `{"a":"<&>"}` {
			t.Fatalf("read %+v, %v", r, err)
		}
	}
	if err := s.done(mark{Seq: 2, Refused: "answered 404"}); err != nil {
		t.Fatal(err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

func seqs(entries []entry) string {
	out := []uint64{}
	for _, e := range entries {
		out = append(out, e.seq)
	}
	return fmt.Sprint(out)
}

// Whatever prefix of its files a crash leaves, a spool gives what is whole and
// takes what is missing.
func TestEveryPrefixOfASpool(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	whole, err := os.ReadFile(filepath.Join(dir, spoolFile))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		if err := os.WriteFile(filepath.Join(dir, spoolFile), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, c, err := openSpool(dir)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(string(whole[:n]), "\n")
		wantLast := []uint64{2, 2, 5, 9}[lines]
		wantWaiting := []string{"[]", "[]", "[5]", "[5 9]"}[lines]
		if seqs(c.waiting) != wantWaiting || c.last != wantLast || len(c.refused) != 1 {
			t.Fatalf("%d bytes: waiting %s, last %d, refused %v", n, seqs(c.waiting), c.last, c.refused)
		}
		e, err := s.append(testRecord(20))
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.read(e); err != nil || r.Seq != 20 {
			t.Fatalf("%d bytes: appended, then read %+v, %v", n, r, err)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A damaged cursor costs duplicates, a damaged spool is filled again from there.
func TestDamagedSpool(t *testing.T) {
	for name, tc := range map[string]struct {
		file, text string
		waiting    string
		last       uint64
	}{
		"torn cursor":          {cursorFile, `{"seq":2}` + "\n" + `{"se`, "[5 9]", 9},
		"zeroes in the cursor": {cursorFile, "\x00\x00\n", "[2 5 9]", 9},
		"cursor goes back":     {cursorFile, `{"seq":5}` + "\n" + `{"seq":2}` + "\n", "[9]", 9},
		"no number":            {cursorFile, "{}\n", "[2 5 9]", 9},
		"spool goes back":      {spoolFile, `{"seq":5,"body":{}}` + "\n" + `{"seq":3,"body":{}}` + "\n", "[5]", 5},
		"zeroes in the spool":  {spoolFile, `{"seq":5,"body":{}}` + "\n\x00\x00\n" + `{"seq":9,"body":{}}` + "\n", "[5]", 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir)
			if err := os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			s, c, err := openSpool(dir)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.close(); err != nil {
				t.Fatal(err)
			}
			if seqs(c.waiting) != tc.waiting || c.last != tc.last {
				t.Errorf("waiting %s, last %d; want %s, %d", seqs(c.waiting), c.last, tc.waiting, tc.last)
			}
		})
	}
}
