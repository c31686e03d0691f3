package genleader

import (
	"context"
	"errors"
	"io"

	"github.com/gendac/gendac/behaviours/process"
)

// chunkSize is how many bytes of an image travel in one message: few enough that a heartbeat behind a window of them is
// not late.
const chunkSize = 256 << 10

// errAbandoned ends an image that nobody wants any more.
var errAbandoned = errors.New("genleader: the snapshot was abandoned")

// images are the snapshots that goroutines write and read for a shell. The maps belong to the shell's turn.
type images struct {
	writing map[uint64]*imageWriter
	reading map[uint64]*imageReader
}

// imageDone brings what Restore has returned into the shell's turn.
type imageDone struct {
	id      uint64
	install func()
	err     error
}

// takeImage captures the state now, and has it written piece by piece as it is asked for.
func (s *shell) takeImage(e takeImage) {
	image, err := s.group.cfg.Behaviour.Snapshot()
	if err != nil {
		s.again(imageFailed{stream: e.stream, err: err})
		return
	}
	w := &imageWriter{wanted: make(chan struct{}, maxWindow), pass: func(data []byte, last bool) {
		s.again(chunkRead{stream: e.stream, data: data, last: last})
	}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	s.images.writing[e.stream] = w
	go func() {
		err := w.run(image)
		if failure := (*process.PanicError)(nil); err != nil && w.ctx.Err() == nil {
			s.again(imageFailed{stream: e.stream, err: err, fatal: errors.As(err, &failure)})
		}
	}()
}

func (s *shell) readImage(e readImage) {
	if w := s.images.writing[e.stream]; w != nil {
		select {
		case w.wanted <- struct{}{}:
		default: // the core asks for no more than a window; more is nothing to wait for
		}
	}
}

// receiveImage runs a Restore. It reads what feedImage brings.
func (s *shell) receiveImage(e receiveImage) {
	r := &imageReader{chunks: make(chan feedImage, maxWindow), used: func() { s.again(chunkUsed{id: e.id}) }}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	s.images.reading[e.id] = r
	go func() {
		install, err := r.run(s.group.cfg.Behaviour)
		if r.ctx.Err() == nil {
			s.group.system.Root.Send(s.self, imageDone{id: e.id, install: install, err: err})
		}
	}()
}

func (s *shell) feedImage(e feedImage) {
	if r := s.images.reading[e.id]; r != nil {
		select {
		case r.chunks <- e:
		default: // cannot be: the core lets no more come than a window
			s.group.system.Root.Send(s.self, imageDone{id: e.id, err: errors.New("genleader: a snapshot came faster than it was asked for")})
		}
	}
}

// imageRead keeps what Restore has returned until the core wants it installed.
func (s *shell) imageRead(done imageDone) (imageRead, bool) {
	r := s.images.reading[done.id]
	if r == nil {
		return imageRead{}, false
	}
	r.install = done.install
	return imageRead{id: done.id, err: done.err}, true
}

func (s *shell) restore(e restore) {
	r := s.images.reading[e.id]
	s.dropImage(dropImage{id: e.id})
	if r != nil && r.install != nil {
		r.install()
	}
}

func (s *shell) dropImage(e dropImage) {
	if w := s.images.writing[e.id]; w != nil {
		w.cancel()
		delete(s.images.writing, e.id)
	}
	if r := s.images.reading[e.id]; r != nil {
		r.cancel()
		delete(s.images.reading, e.id)
	}
}

// close abandons everything. A goroutine ends with its next read or write.
func (i images) close() {
	for _, w := range i.writing {
		w.cancel()
	}
	for _, r := range i.reading {
		r.cancel()
	}
}

// An imageWriter cuts what an image writes into chunks and passes each on once it is wanted.
type imageWriter struct {
	ctx    context.Context
	cancel context.CancelFunc
	wanted chan struct{} // a token for each chunk that may be passed on
	pass   func(data []byte, last bool)
	chunk  []byte
}

func (w *imageWriter) run(image Image) (err error) {
	defer recoverInto(&err)
	if _, err := image.WriteTo(w); err != nil {
		return err
	}
	return w.flush(true)
}

func (w *imageWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if len(w.chunk) == chunkSize {
			if err := w.flush(false); err != nil {
				return len(p) - len(rest), err
			}
		}
		n := min(len(rest), chunkSize-len(w.chunk))
		w.chunk = append(w.chunk, rest[:n]...)
		rest = rest[n:]
	}
	return len(p), nil
}

func (w *imageWriter) flush(last bool) error {
	select {
	case <-w.wanted:
	case <-w.ctx.Done():
		return errAbandoned
	}
	w.pass(w.chunk, last)
	w.chunk = make([]byte, 0, chunkSize)
	return nil
}

// An imageReader is what a Restore reads from.
type imageReader struct {
	ctx     context.Context
	cancel  context.CancelFunc
	chunks  chan feedImage
	used    func()
	rest    []byte
	ended   bool
	install func()
}

func (r *imageReader) run(b Behaviour) (install func(), err error) {
	defer recoverInto(&err)
	if install, err = b.Restore(r); err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, r)
	return install, err
}

func (r *imageReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		select {
		case next := <-r.chunks:
			r.rest, r.ended = next.data, next.last
			r.used()
		case <-r.ctx.Done():
			return 0, errAbandoned
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func recoverInto(err *error) {
	if v := recover(); v != nil {
		*err = &process.PanicError{Value: v, Stack: process.TakeStack()}
	}
}
