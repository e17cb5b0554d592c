package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// Docker before API 1.42 reads its log with two faults. A line longer than
// 16 KiB is kept in parts, and its newline is not given back. And a log that
// is followed ends without its last part, if that has no newline. Both are
// mended here with the times of the parts: those of one line have the same.
//
// What cannot be told: whether the last line of all ended with a newline, if it
// is a long one. It is given one, as lines usually have.

// mender copies a log with times, without them and with the newlines that are
// missing.
type mender struct {
	streams [2]mended
	last    part
}

// mended is one of the two streams.
type mended struct {
	w *bufio.Writer
	// time of the latest part, and how many parts its line has so far.
	time  string
	parts int
	// open: the latest part had no newline.
	open bool
}

// part identifies a part of a log.
type part struct {
	stream int
	time   string
	size   int
	open   bool
}

func newMender(stdout, stderr io.Writer) *mender {
	const size = 64 << 10
	return &mender{streams: [2]mended{{w: bufio.NewWriterSize(stdout, size)}, {w: bufio.NewWriterSize(stderr, size)}}}
}

// copy copies a log to its end. Nothing is held back while more is awaited.
// Source of the format: Docker Engine API, "Attach to a container, Stream format".
func (m *mender) copy(log io.Reader) error {
	const header = 8
	in := bufio.NewReaderSize(log, 64<<10)
	var payload []byte
	for {
		if in.Buffered() < header {
			if err := m.flush(); err != nil {
				return err
			}
		}
		head, err := in.Peek(header)
		if errors.Is(err, io.EOF) && len(head) == 0 {
			return m.flush()
		}
		if err != nil {
			return err
		}
		stream, size := int(head[0]), int(binary.BigEndian.Uint32(head[4:]))
		_, _ = in.Discard(header) // they were peeked
		if cap(payload) < size {
			payload = make([]byte, size)
		}
		payload = payload[:size]
		if _, err := io.ReadFull(in, payload); err != nil {
			return err
		}
		if err := m.add(stream, payload); err != nil {
			return err
		}
	}
}

func (m *mender) add(stream int, payload []byte) error {
	at := stream - int(stdcopy.Stdout)
	if at < 0 || at >= len(m.streams) {
		return fmt.Errorf("the engine cannot read the log: %s", payload)
	}
	time, text, ok := bytes.Cut(payload, []byte(" "))
	if !ok {
		return errors.New("the engine gave a part of a log without its time")
	}
	s := &m.streams[at]
	if s.open && string(time) == s.time {
		s.parts++
	} else {
		if s.open {
			if err := s.w.WriteByte('\n'); err != nil {
				return err
			}
		}
		s.time, s.parts = string(time), 1
	}
	s.open = !bytes.HasSuffix(text, []byte("\n"))
	m.last = part{stream: stream, time: s.time, size: len(payload), open: s.open}
	_, err := s.w.Write(text)
	return err
}

func (m *mender) flush() error {
	return errors.Join(m.streams[0].w.Flush(), m.streams[1].w.Flush())
}

// end is called at the log's real end.
func (m *mender) end() error {
	for i := range m.streams {
		if s := &m.streams[i]; s.open && s.parts > 1 {
			if err := s.w.WriteByte('\n'); err != nil {
				return err
			}
		}
	}
	return m.flush()
}

// followMended follows to the container's end, and reads the log once more
// where the last part has not come.
func (p *process) followMended(ctx context.Context, stdout, stderr *counted) error {
	m := newMender(stdout, stderr)
	err := p.log(ctx, client.ContainerLogsOptions{Follow: true, Timestamps: true}, m.copy)
	if err == nil {
		err = p.ended(ctx)
	}
	if err != nil {
		return err
	}
	last := newMender(io.Discard, io.Discard)
	if err := p.log(ctx, client.ContainerLogsOptions{Tail: "1", Timestamps: true}, last.copy); err != nil {
		return err
	}
	if last.last == m.last && !m.last.open {
		return m.end()
	}
	m = newMender(stdout.rest(), stderr.rest())
	if err := p.log(ctx, client.ContainerLogsOptions{Timestamps: true}, m.copy); err != nil {
		return err
	}
	return m.end()
}
