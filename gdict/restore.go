package gdict

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// readSnapshot returns all that a snapshot holds, or an error that says what is wrong with it. A snapshot counts
// only when it is whole, and nothing follows it.
func readSnapshot(from io.Reader) (replica, error) {
	d := decoding{records: recordReader{from: bufio.NewReaderSize(from, snapshotBuffer)}}
	if err := d.run(); err != nil {
		return replica{}, fmt.Errorf("gdict: restore: record %d: %w", d.records.seen, err)
	}
	d.state.tree = d.edit.done()
	d.state.owned = d.owners.owned
	return replica{state: d.state, sessions: d.sessions}, nil
}

// decoding is a snapshot that is being read.
type decoding struct {
	records recordReader
	state   state
	edit    edit
	entry   wire.Entry
	last    string // key
	count   uint64

	sessions    sessions
	lastSession uint64 // id
	owners      draft  // of owned only
}

func (d *decoding) run() error {
	d.state = emptyState()
	d.edit = d.state.tree.edit()
	d.owners.state = emptyState()
	for first := true; ; first = false {
		before := d.records.crc
		kind, body, err := d.records.next()
		switch {
		case err != nil:
			return err
		case first != (kind == recordHead):
			return errors.New("a snapshot has one head, and begins with it")
		case kind == recordHead:
			err = d.head(body)
		case d.count == 0 && kind != recordLedger:
			err = errors.New("a snapshot has one ledger, behind its head")
		case kind == recordLedger:
			err = d.ledger(body)
		case kind == recordSession:
			err = d.session(body)
		case kind == recordEntry:
			err = d.add(body)
		case kind == recordTail:
			return d.tail(body, before)
		default:
			err = fmt.Errorf("kind %q is not known", kind)
		}
		if err != nil {
			return err
		}
	}
}

func (d *decoding) head(body []byte) error {
	m := &wire.SnapshotHead{}
	if err := proto.Unmarshal(body, m); err != nil {
		return fmt.Errorf("malformed head: %w", err)
	}
	if m.GetVersion() != snapshotVersion {
		return fmt.Errorf("snapshot version %d is not supported, only %d", m.GetVersion(), snapshotVersion)
	}
	d.state.rev = m.GetRev()
	return nil
}

func (d *decoding) add(body []byte) error {
	e := &d.entry
	if err := proto.Unmarshal(body, e); err != nil {
		return fmt.Errorf("malformed entry: %w", err)
	}
	if len(e.ProtoReflect().GetUnknown()) > 0 { // it may change what the entry means
		return errors.New("an entry with fields that this version does not know")
	}
	key := string(e.GetKey())
	switch {
	case key <= d.last: // also refuses the empty key
		return fmt.Errorf("key %s is not after the one before it", quoted(key))
	case e.GetRev() == 0 || e.GetRev() > d.state.rev:
		return fmt.Errorf("key %s: revision %d is not within 1 and %d", quoted(key), e.GetRev(), d.state.rev)
	}
	d.edit.put(&Entry{Key: key, Value: e.GetValue(), Rev: e.GetRev()})
	d.state.size += cost(len(key), len(e.GetValue()))
	if err := d.owner(key, e.GetOwner()); err != nil {
		return err
	}
	d.last = key
	d.count++
	return nil
}

// tail compares what was read with what was written; crc is that of everything before the tail.
func (d *decoding) tail(body []byte, crc uint32) error {
	m := &wire.SnapshotTail{}
	if err := proto.Unmarshal(body, m); err != nil {
		return fmt.Errorf("malformed tail: %w", err)
	}
	if m.GetCount() != d.count || m.GetCrc() != crc {
		return fmt.Errorf("damaged: %d records with checksum %08x, where %d with %08x were written",
			d.count, crc, m.GetCount(), m.GetCrc())
	}
	if _, err := d.records.from.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("something follows the tail (%w)", err)
	}
	return nil
}

// A recordReader takes records apart.
type recordReader struct {
	from *bufio.Reader
	body []byte
	crc  uint32 // of everything read
	seen int    // records begun
}

// next returns the next record. Its body is good until the next call.
func (r *recordReader) next() (kind byte, body []byte, err error) {
	r.seen++
	if kind, err = r.from.ReadByte(); err != nil {
		return 0, nil, cutShort(err)
	}
	length, err := binary.ReadUvarint(r.from)
	if err != nil {
		return 0, nil, cutShort(err)
	}
	if length > maxRecord {
		return 0, nil, fmt.Errorf("a record of %d bytes, at most %d", length, maxRecord)
	}
	if r.body, err = readInto(r.body[:0], r.from, int(length)); err != nil {
		return 0, nil, cutShort(err)
	}
	head := binary.AppendUvarint([]byte{kind}, length)
	r.crc = crc32.Update(crc32.Update(r.crc, castagnoli, head), castagnoli, r.body)
	return kind, r.body, nil
}

// readInto appends n bytes, and takes memory only for what has come: the length may be a lie.
func readInto(b []byte, from io.Reader, n int) ([]byte, error) {
	const piece = 1 << 20
	for n > 0 {
		have, more := len(b), min(n, piece)
		if cap(b)-have < more {
			b = append(b, make([]byte, more)...)
		} else {
			b = b[:have+more]
		}
		if _, err := io.ReadFull(from, b[have:]); err != nil {
			return b, err
		}
		n -= more
	}
	return b, nil
}

func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the snapshot ends too early")
	}
	return err
}
