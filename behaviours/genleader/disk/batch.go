package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader"
)

// A batch is a header and a payload, padded to a multiple of eight bytes:
//
//	magic 4 | length of the payload 4 | number 8 | checksum of the payload 4 | checksum of the header 4 | payload
//
// Numbers rise by one from batch to batch through all segments. The payload is scrambled with a key of the directory and
// the number, so that no sector of it is all zero, as a sector is that was never written; see judge. Checksums begin with
// the key too: what looks like a batch and comes from elsewhere is none.
const (
	magic      = 0x31676c67
	headerSize = 24
	align      = 8
	sector     = 512
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Kinds of records in a payload. Each is kind 1 | length 4 | bytes.
const (
	kindEntry byte = iota + 1
	kindState
	kindReset // the log begins anew behind the leader's snapshot of that place
)

// An encoder puts writes into a batch.
type encoder struct {
	key uint64
	buf []byte
	err error
}

// keepBuffer bounds the memory that stays behind after an unusually large batch.
const keepBuffer = 4 << 20

func (e *encoder) begin() {
	if cap(e.buf) > keepBuffer {
		e.buf = nil
	}
	e.buf, e.err = append(e.buf[:0], make([]byte, headerSize)...), nil
}

func (e *encoder) add(kind byte, m proto.Message) {
	at := len(e.buf)
	e.buf = append(e.buf, kind, 0, 0, 0, 0)
	out, err := proto.MarshalOptions{}.MarshalAppend(e.buf, m)
	if err != nil {
		e.err = errors.Join(e.err, err)
		return
	}
	binary.LittleEndian.PutUint32(out[at+1:], uint32(len(out)-at-5))
	e.buf = out
}

func (e *encoder) addWrite(w genleader.Write) {
	for _, entry := range w.Entries {
		e.add(kindEntry, entry)
	}
	if w.State != nil {
		e.add(kindState, w.State)
	}
}

func (e *encoder) empty() bool { return len(e.buf) == headerSize }

// finish returns the batch, which is good until the next begin.
func (e *encoder) finish(number uint64) ([]byte, error) {
	length := len(e.buf) - headerSize
	e.buf = append(e.buf, make([]byte, padding(length))...)
	payload := e.buf[headerSize:]
	scramble(payload, e.key, number)
	header := e.buf[:headerSize]
	binary.LittleEndian.PutUint32(header, magic)
	binary.LittleEndian.PutUint32(header[4:], uint32(length))
	binary.LittleEndian.PutUint64(header[8:], number)
	binary.LittleEndian.PutUint32(header[16:], checksum(e.key, payload))
	binary.LittleEndian.PutUint32(header[20:], checksum(e.key, header[:20]))
	return e.buf, e.err
}

func padding(length int) int { return -length & (align - 1) }

func checksum(key uint64, data []byte) uint32 {
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], key)
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, data)
}

// scramble is its own inverse. The length of data is a multiple of eight.
func scramble(data []byte, key, number uint64) {
	state := key ^ number*0x9e3779b97f4a7c15
	for ; len(data) >= align; data = data[align:] {
		state += 0x9e3779b97f4a7c15
		z := (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9
		z = (z ^ (z >> 27)) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(data)^z^(z>>31))
	}
}

// header is what the head of a batch says, if it is one.
type header struct {
	length int
	number uint64
	sum    uint32
}

func (h header) size() int { return headerSize + h.length + padding(h.length) }

func readHeader(data []byte, key uint64) (h header, ok bool) {
	if len(data) < headerSize || binary.LittleEndian.Uint32(data) != magic ||
		binary.LittleEndian.Uint32(data[20:]) != checksum(key, data[:20]) {
		return header{}, false
	}
	return header{
		length: int(binary.LittleEndian.Uint32(data[4:])),
		number: binary.LittleEndian.Uint64(data[8:]),
		sum:    binary.LittleEndian.Uint32(data[16:]),
	}, true
}

// A record is one thing that a batch says.
type record struct {
	entry *raftpb.Entry
	state *raftpb.HardState
	reset *raftpb.SnapshotMetadata
}

// decode reads the payload of a batch whose checksum is right, and overwrites it.
func decode(payload []byte, h header, key uint64) ([]record, error) {
	scramble(payload, key, h.number)
	var all []record
	for rest := payload[:h.length]; len(rest) > 0; {
		if len(rest) < 5 || uint64(len(rest)-5) < uint64(binary.LittleEndian.Uint32(rest[1:])) {
			return nil, errors.New("a record reaches beyond its batch")
		}
		size := int(binary.LittleEndian.Uint32(rest[1:]))
		r, err := decodeRecord(rest[0], rest[5:5+size])
		if err != nil {
			return nil, err
		}
		all = append(all, r)
		rest = rest[5+size:]
	}
	return all, nil
}

func decodeRecord(kind byte, data []byte) (r record, err error) {
	switch kind {
	case kindEntry:
		r.entry = &raftpb.Entry{}
		err = proto.Unmarshal(data, r.entry)
	case kindState:
		r.state = &raftpb.HardState{}
		err = proto.Unmarshal(data, r.state)
	case kindReset:
		r.reset = &raftpb.SnapshotMetadata{}
		err = proto.Unmarshal(data, r.reset)
	default:
		err = fmt.Errorf("a record of kind %d, which this version does not know", kind)
	}
	return r, err
}
