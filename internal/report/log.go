package report

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"gitlab.com/f5-pwe/kog/v3/action"
)

// Log is one stream of a visit, as it is shown.
type Log struct {
	// Text is harmless (see clean), and empty when there was no output.
	Text string
	// LeftOut is how many bytes are not in Text, which then has a line in their
	// place.
	LeftOut int64
	// Trouble is why the log could not be read to its end.
	Trouble string
}

// maxResultLine is how many bytes of a result line are shown: its message and
// its context are in the report already.
const maxResultLine = 200

// readLog reads one stream of a visit. A log that is missing is empty.
func readLog(src Source, v Visit, stream string, limit int) Log {
	f, err := src.OpenLog(v.Attempt, v.At.Step, stream)
	if errors.Is(err, fs.ErrNotExist) {
		return Log{}
	}
	if err != nil {
		return Log{Trouble: fmt.Sprintf("the log of %s cannot be read: %v", stream, err)}
	}
	defer func() { _ = f.Close() }()
	l, err := excerpt(f, limit, stream == "stdout")
	if err != nil {
		l.Trouble = fmt.Sprintf("the log of %s cannot be read to its end: %v", stream, err)
	}
	return l
}

// excerpt reads everything and keeps the beginning and the end, of both
// together at most limit bytes. results shortens lines that are results.
func excerpt(r io.Reader, limit int, results bool) (Log, error) {
	k := &keeper{first: limit / 4, last: limit - limit/4}
	br := bufio.NewReaderSize(r, 32<<10)
	lineStart, isResult, room := true, false, 0
	for {
		piece, err := br.ReadSlice('\n')
		if lineStart {
			isResult = results && bytes.HasPrefix(bytes.TrimLeft(piece, " \t\r"), []byte(action.Prefix))
			room = maxResultLine
		}
		lineStart = bytes.HasSuffix(piece, []byte("\n"))
		if isResult {
			piece = shortened(piece, &room)
		}
		k.add(piece)
		switch {
		case errors.Is(err, io.EOF):
			return k.log(), nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return k.log(), err
		}
	}
}

// shortened gives the part of a piece for which the line has room. What ends
// the line stays.
func shortened(piece []byte, room *int) []byte {
	if len(piece) <= *room {
		*room -= len(piece)
		return piece
	}
	if *room < 0 {
		if bytes.HasSuffix(piece, []byte("\n")) {
			return []byte("\n")
		}
		return nil
	}
	n := *room
	for n > 0 && !utf8.RuneStart(piece[n]) {
		n--
	}
	*room = -1
	short := append(bytes.Clone(piece[:n]), "…"...)
	if bytes.HasSuffix(piece, []byte("\n")) {
		short = append(short, '\n')
	}
	return short
}

// keeper keeps the first and the last bytes of what it is given. It holds at
// most the first and three times the last.
type keeper struct {
	first, last int
	head, tail  []byte
	dropped     int64
}

func (k *keeper) add(p []byte) {
	if n := min(len(p), k.first-len(k.head)); n > 0 {
		k.head = append(k.head, p[:n]...)
		p = p[n:]
	}
	if over := len(p) - 2*k.last; over > 0 {
		k.dropped += int64(len(k.tail) + over)
		k.tail, p = k.tail[:0], p[over:]
	}
	k.tail = append(k.tail, p...)
	if len(k.tail) > 3*k.last {
		k.trim()
	}
}

// trim drops from the tail what is too much.
func (k *keeper) trim() {
	if over := len(k.tail) - k.last; over > 0 {
		k.dropped += int64(over)
		k.tail = append(k.tail[:0], k.tail[over:]...)
	}
}

// log joins what was kept. Where something was dropped, both sides end at a
// line, or at least at a character.
func (k *keeper) log() Log {
	k.trim()
	if k.dropped == 0 {
		return Log{Text: clean(string(k.head) + string(k.tail))}
	}
	head, tail := k.head, k.tail
	if i := bytes.LastIndexByte(head, '\n'); i >= 0 {
		head = head[:i+1]
	} else {
		head = wholeRunes(head)
	}
	if i := bytes.IndexByte(tail, '\n'); i >= 0 && i < len(tail)-1 {
		tail = tail[i+1:]
	}
	for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
		tail = tail[1:]
	}
	left := k.dropped + int64(len(k.head)-len(head)+len(k.tail)-len(tail))
	before := clean(string(head))
	if before != "" && !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	return Log{Text: before + "… " + size(left) + " left out …\n" + clean(string(tail)), LeftOut: left}
}

// wholeRunes cuts off a character that is not complete.
func wholeRunes(p []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax, len(p)); i++ {
		if tail := p[len(p)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return p[:len(p)-i]
			}
			break
		}
	}
	return p
}
