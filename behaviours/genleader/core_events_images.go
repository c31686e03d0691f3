package genleader

import "fmt"

// Events of snapshots; see core_streams.go and core_incoming.go.
type (
	// chunkRead is the next piece of a stream's image; imageFailed says that there will be none. With fatal, the behaviour
	// panicked.
	chunkRead struct {
		stream uint64
		data   []byte
		last   bool
	}
	imageFailed struct {
		stream uint64
		err    error
		fatal  bool
	}
	// chunkUsed says that Restore has taken up one more chunk; imageRead that it has read everything, or with an error that
	// it has refused what it read.
	chunkUsed struct{ id uint64 }
	imageRead struct {
		id  uint64
		err error
	}
)

// Effects of snapshots.
type (
	// takeImage calls Snapshot, which captures the state as of index, and has it written by a goroutine. Each readImage
	// answers with one chunkRead, until the last.
	takeImage struct{ stream, index uint64 }
	readImage struct{ stream uint64 }
	// receiveImage starts a Restore in a goroutine, which reads what each feedImage brings. restore installs what it has
	// returned.
	receiveImage struct{ id uint64 }
	feedImage    struct {
		id   uint64
		data []byte
		last bool
	}
	restore struct{ id uint64 }
	// dropImage ends what takeImage or receiveImage has begun; nothing comes back from it any more.
	dropImage struct{ id uint64 }
)

func (chunkRead) event()   {}
func (imageFailed) event() {}
func (chunkUsed) event()   {}
func (imageRead) event()   {}

func (takeImage) effect()    {}
func (readImage) effect()    {}
func (receiveImage) effect() {}
func (feedImage) effect()    {}
func (restore) effect()      {}
func (dropImage) effect()    {}

func (e takeImage) String() string    { return fmt.Sprintf("take image %d at %d", e.stream, e.index) }
func (e readImage) String() string    { return fmt.Sprintf("read a chunk of image %d", e.stream) }
func (e receiveImage) String() string { return fmt.Sprintf("receive image %d", e.id) }
func (e feedImage) String() string {
	return fmt.Sprintf("feed image %d %d bytes, last=%v", e.id, len(e.data), e.last)
}
func (e restore) String() string   { return fmt.Sprintf("restore image %d", e.id) }
func (e dropImage) String() string { return fmt.Sprintf("drop image %d", e.id) }

func (e chunkRead) String() string {
	return fmt.Sprintf("chunk of stream %d read, last=%v", e.stream, e.last)
}
func (e imageFailed) String() string { return fmt.Sprintf("stream %d: %v", e.stream, e.err) }
func (e chunkUsed) String() string   { return fmt.Sprintf("chunk of image %d used", e.id) }
func (e imageRead) String() string   { return fmt.Sprintf("image %d read: %v", e.id, e.err) }
