package disk

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader"
)

// A snapshot file is a row of frames: length 4 | checksum 4 | bytes. The first holds where the snapshot stands and the
// group's own part of it, those that follow what the image wrote, and the last, which the highest bit of its length
// tells, how many bytes that were. So a file that ends early shows.
const (
	frameSize   = 256 << 10
	finalFrame  = 1 << 31
	frameHeader = 8

	// The first byte of the first frame: how this member came by the snapshot.
	takenHere  = 1
	fromLeader = 2 // the log begins anew behind it
)

func (s *Store) snapshotPath(index uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s%016x", snapshotPrefix, index))
}

type frameWriter struct {
	w     io.Writer
	key   uint64
	total uint64
}

func (f *frameWriter) frame(flag uint32, data []byte) error {
	var head [frameHeader]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(data))|flag)
	binary.LittleEndian.PutUint32(head[4:], checksum(f.key^uint64(flag), data))
	if _, err := f.w.Write(head[:]); err != nil {
		return err
	}
	_, err := f.w.Write(data)
	return err
}

// Write makes frames of what an image writes.
func (f *frameWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		piece := p[:min(len(p), frameSize)]
		if err := f.frame(0, piece); err != nil {
			return n, err
		}
		n += len(piece)
		f.total += uint64(len(piece))
		p = p[len(piece):]
	}
	return n, nil
}

// writeSnapshot makes the file of a snapshot, which counts from the moment that it has its name. Save needs the leader's and
// waits for a descriptor; one that is taken here is asked for again.
func (s *Store) writeSnapshot(origin byte, snapshot *raftpb.Snapshot, image genleader.Image) (size uint64, err error) {
	head, err := proto.MarshalOptions{}.MarshalAppend([]byte{origin}, snapshot)
	if err != nil {
		return 0, err
	}
	begin := s.newPart
	if origin == fromLeader {
		begin = s.patientPart
	}
	file, err := begin(s.snapshotPath(snapshot.GetMetadata().GetIndex()))
	if err != nil {
		return 0, err
	}
	named := false
	defer func() {
		if !named { // also if the image, which is the behaviour's code, panics
			file.abandon()
		}
	}()
	if size, err = s.writeFrames(file, head, image); err != nil {
		return 0, err
	}
	if err := file.name(); err != nil {
		return 0, err
	}
	named = true
	return size, file.Close()
}

// writeFrames writes all of a snapshot, and says how many bytes the image has.
func (s *Store) writeFrames(w io.Writer, head []byte, image genleader.Image) (size uint64, err error) {
	frames := &frameWriter{w: w, key: s.key}
	if err := frames.frame(0, head); err != nil {
		return 0, err
	}
	buffered := bufio.NewWriterSize(frames, frameSize)
	if _, err := image.WriteTo(buffered); err != nil {
		return 0, err
	}
	if err := buffered.Flush(); err != nil {
		return 0, err
	}
	return frames.total, frames.frame(finalFrame, binary.LittleEndian.AppendUint64(nil, frames.total))
}

// A frameReader reads an image back. Any byte that is not as it was written is an error that says where.
type frameReader struct {
	file  *os.File
	r     *bufio.Reader
	key   uint64
	at    int64
	total uint64
	rest  []byte
	ended bool
}

// openSnapshot reads the head of a snapshot file.
func (s *Store) openSnapshot(index uint64) (origin byte, snapshot *raftpb.Snapshot, image *frameReader, err error) {
	file, err := os.Open(s.snapshotPath(index))
	if err != nil {
		return 0, nil, nil, err
	}
	r := &frameReader{file: file, r: bufio.NewReaderSize(file, frameSize), key: s.key}
	head, err := r.frame()
	if err == nil {
		snapshot = &raftpb.Snapshot{}
		if r.ended || len(head) == 0 || proto.Unmarshal(head[1:], snapshot) != nil || snapshot.GetMetadata().GetIndex() != index {
			err = r.damaged("it does not say what it is a snapshot of")
		}
	}
	if err != nil {
		return 0, nil, nil, errors.Join(err, file.Close())
	}
	r.total = 0
	return head[0], snapshot, r, nil
}

func (r *frameReader) damaged(why string) error {
	return &CorruptError{File: r.file.Name(), Offset: r.at, Why: why}
}

func (r *frameReader) frame() ([]byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, r.unread(err)
	}
	length := binary.LittleEndian.Uint32(head[:])
	flag := length & finalFrame
	if length &^= finalFrame; length > maxFrame {
		return nil, r.damaged("a frame is too long")
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(r.r, data); err != nil {
		return nil, r.unread(err)
	}
	if checksum(r.key^uint64(flag), data) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, r.damaged("a frame does not match its checksum")
	}
	r.at += frameHeader + int64(length)
	if flag == 0 {
		r.total += uint64(length)
		return data, nil
	}
	if length != 8 || binary.LittleEndian.Uint64(data) != r.total {
		return nil, r.damaged("frames are missing")
	}
	if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, r.damaged("something follows its end")
	}
	r.ended = true
	return nil, nil
}

// maxFrame bounds what a damaged length can make this program allocate. The first frame holds the electorate and what the
// leader told its joiners.
const maxFrame = 256 << 20

func (r *frameReader) unread(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.damaged("it ends too early")
	}
	return err
}

func (r *frameReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.ended {
			return 0, io.EOF
		}
		data, err := r.frame()
		if err != nil {
			return 0, err
		}
		r.rest = data
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *frameReader) Close() error { return r.file.Close() }
