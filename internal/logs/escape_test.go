package logs_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"gitlab.com/f5-pwe/kog/v3/internal/logs"
)

func TestEscape(t *testing.T) {
	for _, text := range []string{"", "plain", "\u007f\u0080\u009b2J\u009f\u00a0\u00e9", "漢\u009d0;title\u009c", "end \u00c2"} {
		var buf bytes.Buffer
		enc := json.NewEncoder(logs.Escape(&buf))
		if err := enc.Encode(text); err != nil {
			t.Fatal(err)
		}
		for _, r := range buf.String() {
			if r != '\n' && (r < ' ' || r >= 0x7f && r < 0xa0) {
				t.Errorf("%q: control character %U in %q", text, r, &buf)
			}
		}
		var back string
		if err := json.Unmarshal(buf.Bytes(), &back); err != nil || back != text {
			t.Errorf("%q came back as %q, %v", text, back, err)
		}
	}
}

func TestLogsHoldNoControlCharacters(t *testing.T) {
	for _, format := range []string{"logfmt", "json"} {
		var buf bytes.Buffer
		log, err := logs.New(&buf, format, slog.LevelInfo)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("a\x1b[2J\u009b2J\x7f\r\nb", "key", "\u009d0;title\a")
		for _, r := range buf.String()[:buf.Len()-1] {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Errorf("%s: control character %U in %q", format, r, &buf)
			}
		}
	}
}
