package gdict

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// A snapshot is a stream of records: a head, a ledger, the sessions in ascending order of their ids, the entries in
// ascending order of their keys, a tail. Each record is its
// kind (one byte), the length of its body (a varint) and its body (a protobuf message). Equal states give equal bytes.
const (
	recordHead    byte = 'h'
	recordLedger  byte = 'l'
	recordSession byte = 's'
	recordEntry   byte = 'e'
	recordTail    byte = 't'
)

const (
	snapshotVersion = 4       // 1 was one protobuf message, 2 had no ledger and no sessions, 3 no owners
	maxRecord       = 1 << 30 // bytes that the body of a record may claim to have
	snapshotBuffer  = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// An image is all that the log decides as of one revision. A state never changes, so taking it costs nothing; sessions
// are copied.
type image struct{ replica }

// WriteTo writes the snapshot. It holds one record at a time.
func (i image) WriteTo(w io.Writer) (int64, error) {
	r := recordWriter{to: bufio.NewWriterSize(w, snapshotBuffer)}
	r.write(recordHead, &wire.SnapshotHead{Version: snapshotVersion, Rev: i.state.rev})
	i.writeLedger(&r)
	entry := &wire.Entry{}
	for e := range i.state.tree.scan("") {
		entry.Key, entry.Value, entry.Rev = append(entry.Key[:0], e.Key...), e.Value, e.Rev
		entry.Owner = ownerMessage(i.state.ownerOf(e.Key))
		if r.write(recordEntry, entry); r.err != nil {
			break
		}
		r.count++
	}
	r.write(recordTail, &wire.SnapshotTail{Count: r.count, Crc: r.crc})
	if r.err == nil {
		r.err = r.to.Flush()
	}
	if r.err != nil {
		return r.written, fmt.Errorf("gdict: writing the snapshot at revision %d: %w", i.state.rev, r.err)
	}
	return r.written, nil
}

// A recordWriter frames records and remembers what a tail needs. After an error it does nothing.
type recordWriter struct {
	to      *bufio.Writer
	body    []byte
	crc     uint32
	count   uint64
	written int64
	err     error
}

func (r *recordWriter) write(kind byte, body proto.Message) {
	if r.err != nil {
		return
	}
	const head = 1 + binary.MaxVarintLen64
	if r.body == nil {
		r.body = make([]byte, head)
	}
	if r.body, r.err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(r.body[:head], body); r.err != nil {
		return
	}
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(len(r.body)-head))
	start := head - n - 1
	r.body[start] = kind
	copy(r.body[start+1:], length[:n])
	record := r.body[start:]
	r.crc = crc32.Update(r.crc, castagnoli, record)
	r.written += int64(len(record))
	_, r.err = r.to.Write(record)
}

func sortByRev(changes []change) {
	slices.SortStableFunc(changes, func(a, b change) int {
		switch {
		case a.entry.Rev < b.entry.Rev:
			return -1
		case a.entry.Rev > b.entry.Rev:
			return 1
		default:
			return 0
		}
	})
}
