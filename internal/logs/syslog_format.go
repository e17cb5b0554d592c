package logs

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a whole message in bytes. A datagram fits into an Ethernet frame
// with room for a tunnel, so that it is not taken apart on its way. Sources:
// RFC 5426 section 3.2, RFC 5425 section 4.3.1, RFC 3164 section 4.1.
const (
	maxDatagram     = 1400
	maxDatagram3164 = 1024
	maxStream       = 8192
)

// maxLabel is how many bytes of a label a message has.
const maxLabel = 96

// facility is user-level messages. Source: RFC 5424 section 6.2.1.
const facility = 1

// The labels are what tells where a message of a run comes from.
const (
	labelRun = iota
	labelStep
	labelAttempt
	labelStream
	labelCount
)

func labelNames() [labelCount]string { return [labelCount]string{"run", "step", "attempt", "stream"} }

// message is what a line of the remote log says.
type message struct {
	time   time.Time
	level  slog.Level
	seq    uint64
	labels [labelCount]string
	// text is harmless, and may be changed.
	text []byte
}

// kind is the message's MSGID.
func (m message) kind() string {
	switch {
	case m.labels[labelStream] != "":
		return "output"
	case m.labels[labelRun] != "":
		return "run"
	}
	return "log"
}

func (m message) priority() int {
	severity := 7
	switch {
	case m.level >= slog.LevelError:
		severity = 3
	case m.level >= slog.LevelWarn:
		severity = 4
	case m.level >= slog.LevelInfo:
		severity = 6
	}
	return facility*8 + severity
}

// format turns messages into the lines that are sent, each of at most limit bytes.
type format struct {
	host  string
	pid   string
	limit int
	build func(f format, m message) []byte
}

// newFormat knows the names "rfc5424" and "rfc3164".
func newFormat(name, network string) (format, error) {
	f := format{pid: strconv.Itoa(os.Getpid()), limit: maxStream}
	host, _ := os.Hostname()
	f.host = hostName(host)
	datagram := maxDatagram
	switch name {
	case "rfc5424":
		f.build = format.rfc5424
	case "rfc3164":
		f.build, datagram = format.rfc3164, maxDatagram3164
		f.host, _, _ = strings.Cut(f.host, ".")
	default:
		return f, fmt.Errorf("unknown syslog format %q: want rfc5424 or rfc3164", name)
	}
	if network == "udp" {
		f.limit = datagram
	}
	return f, nil
}

// hostName leaves what a header may hold.
func hostName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, name)
	if name == "" {
		return "-"
	}
	return name[:min(len(name), 255)]
}

// room is what a line needs in memory, mostly; what it takes counts, used or not.
func (f format) room(m message) int {
	n := 96 + len(f.host) + min(len(m.text), f.limit)
	for _, value := range m.labels {
		if value != "" {
			n += len(` attempt=""`) + min(len(value), maxLabel)
		}
	}
	return n
}

// rfc5424 has the labels as structured data. The byte order mark stands before
// text that is not plain ASCII. The sequence number lets a receiver find gaps
// and lines that came twice. Source: RFC 5424 sections 6 and 7.3.1.
func (f format) rfc5424(m message) []byte {
	line := make([]byte, 0, f.room(m))
	line = fmt.Appendf(line, "<%d>1 ", m.priority())
	if m.time.IsZero() {
		line = append(line, '-')
	} else {
		line = m.time.UTC().AppendFormat(line, "2006-01-02T15:04:05.000000Z")
	}
	line = append(line, ' ')
	line = append(line, f.host...)
	line = append(line, " kog "...)
	line = append(line, f.pid...)
	line = append(line, ' ')
	line = append(line, m.kind()...)
	line = append(line, ' ')
	line = appendStructured(line, m)
	line = append(line, ' ')
	text := m.text
	for _, c := range text {
		if c >= utf8.RuneSelf {
			line = append(line, "\ufeff"...)
			break
		}
	}
	return append(line, shorten(text, f.limit-len(line))...)
}

func appendStructured(line []byte, m message) []byte {
	names, open := labelNames(), false
	for i, value := range m.labels {
		if value == "" {
			continue
		}
		if !open {
			line = append(line, "[kog@32473"...)
			open = true
		}
		line = append(line, ' ')
		line = append(line, names[i]...)
		line = append(line, '=', '"')
		for _, c := range label(value) {
			if c == '"' || c == '\\' || c == ']' {
				line = append(line, '\\')
			}
			line = append(line, c)
		}
		line = append(line, '"')
	}
	if open {
		line = append(line, ']')
	}
	line = append(line, `[meta sequenceId="`...)
	line = strconv.AppendUint(line, (m.seq-1)%(1<<31-1)+1, 10)
	return append(line, `"]`...)
}

// label is the value of a label, harmless and not too long.
func label(value string) []byte {
	text := appendHarmless(nil, value)
	return text[:wholeRunes(text, maxLabel)]
}

// rfc3164 has the labels in brackets before the text.
func (f format) rfc3164(m message) []byte {
	line := make([]byte, 0, f.room(m))
	line = fmt.Appendf(line, "<%d>", m.priority())
	line = m.time.Local().AppendFormat(line, time.Stamp)
	line = append(line, ' ')
	line = append(line, f.host...)
	line = append(line, " kog["...)
	line = append(line, f.pid...)
	line = append(line, "]: "...)
	text := make([]byte, 0, 128+len(m.text))
	for i, name := range labelNames() {
		if m.labels[i] != "" {
			text = appendAttr(text, "", slog.String(name, string(label(m.labels[i]))))
		}
	}
	if len(text) > 0 {
		text[0] = '['
		text = append(text, "] "...)
	}
	return append(line, shorten(append(text, m.text...), f.limit-len(line))...)
}
