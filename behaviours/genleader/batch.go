package genleader

import (
	"errors"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// Most of what a group does is to write and read broadcasts, so both are done by hand: what is written grows in place, and
// what is read is not copied. The format is that of wire.Batch within a wire.Record.

// The fields of wire.Record, wire.Batch and wire.Broadcast.
const (
	recordBatch = 3

	batchOrigins    = 1
	batchBroadcasts = 2

	broadcastOrigin   = 1
	broadcastSeq      = 2
	broadcastMessage  = 3
	broadcastHasReply = 4
	broadcastReply    = 5
)

var errBatch = errors.New("genleader: a batch that is not readable")

// broadcast is one of a batch. With hasReply, reply is what the caller gets.
type broadcast struct {
	origin         Member
	seq            uint64
	message, reply []byte
	hasReply       bool
}

// A batch is broadcasts on their way into one entry of the log.
type batch struct {
	origins    []Member
	broadcasts []byte // encoded
	callers    []From
}

// add appends a broadcast for a caller.
func (b *batch) add(from From, message, reply []byte, hasReply bool) {
	origin := b.place(from.Member)
	size := protowire.SizeBytes(len(message)) + 1
	fields := [...]struct{ number, value uint64 }{{broadcastOrigin, origin}, {broadcastSeq, from.Seq}, {broadcastHasReply, protowire.EncodeBool(hasReply)}}
	for _, f := range fields {
		size += 1 + protowire.SizeVarint(f.value)
	}
	if hasReply {
		size += 1 + protowire.SizeBytes(len(reply))
	}
	out := protowire.AppendTag(b.broadcasts, batchBroadcasts, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(size))
	for _, f := range fields {
		out = protowire.AppendVarint(protowire.AppendTag(out, protowire.Number(f.number), protowire.VarintType), f.value)
	}
	out = protowire.AppendBytes(protowire.AppendTag(out, broadcastMessage, protowire.BytesType), message)
	if hasReply {
		out = protowire.AppendBytes(protowire.AppendTag(out, broadcastReply, protowire.BytesType), reply)
	}
	b.broadcasts = out
	b.callers = append(b.callers, from)
}

// place finds a member among the origins, which are few: the processes whose callers write now.
func (b *batch) place(who Member) uint64 {
	for i, origin := range b.origins {
		if origin == who {
			return uint64(i)
		}
	}
	b.origins = append(b.origins, who)
	return uint64(len(b.origins) - 1)
}

// record is the entry of the log.
func (b *batch) record() ([]byte, error) {
	head := &wire.Batch{}
	for _, origin := range b.origins {
		head.Origins = append(head.Origins, &wire.Identity{Name: origin.Name, Incarnation: origin.Incarnation})
	}
	size := proto.Size(head) + len(b.broadcasts)
	out := make([]byte, 0, 1+protowire.SizeBytes(size))
	out = protowire.AppendVarint(protowire.AppendTag(out, recordBatch, protowire.BytesType), uint64(size))
	out, err := proto.MarshalOptions{}.MarshalAppend(out, head)
	return append(out, b.broadcasts...), err
}

// readBatch adds the broadcasts of a record to those in room, without copying what they hold; what is appended to one does
// not reach the next. It returns none if the record is something else than one batch, and an error if that is not readable.
func readBatch(record []byte, room []broadcast) ([]broadcast, error) {
	number, kind, n := protowire.ConsumeTag(record)
	if number != recordBatch || kind != protowire.BytesType {
		return nil, nil
	}
	body, end := protowire.ConsumeBytes(record[n:])
	if end < 0 || n+end != len(record) {
		return nil, errBatch
	}
	var origins []Member
	err := eachField(body, func(number protowire.Number, kind protowire.Type, value uint64, bytes []byte) error {
		switch {
		case number == batchOrigins && kind == protowire.BytesType:
			origin := &wire.Identity{}
			if err := proto.Unmarshal(bytes, origin); err != nil {
				return err
			}
			origins = append(origins, identityOf(origin))
		case number == batchBroadcasts && kind == protowire.BytesType:
			b, err := readBroadcast(bytes, origins)
			room = append(room, b)
			return err
		}
		return nil
	})
	return room, err
}

func readBroadcast(data []byte, origins []Member) (b broadcast, err error) {
	origin := uint64(0)
	err = eachField(data, func(number protowire.Number, kind protowire.Type, value uint64, bytes []byte) error {
		switch {
		case number == broadcastOrigin && kind == protowire.VarintType:
			origin = value
		case number == broadcastSeq && kind == protowire.VarintType:
			b.seq = value
		case number == broadcastHasReply && kind == protowire.VarintType:
			b.hasReply = protowire.DecodeBool(value)
		case number == broadcastMessage && kind == protowire.BytesType:
			b.message = slices.Clip(bytes)
		case number == broadcastReply && kind == protowire.BytesType:
			b.reply = slices.Clip(bytes)
		}
		return nil
	})
	if err != nil || origin >= uint64(len(origins)) {
		return b, errBatch
	}
	b.origin = origins[origin]
	return b, nil
}

// eachField goes through the fields of a message: a number or bytes, and nothing of one of another type.
func eachField(data []byte, do func(number protowire.Number, kind protowire.Type, value uint64, bytes []byte) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return errBatch
		}
		data = data[n:]
		var value uint64
		var bytes []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(data)
		case protowire.BytesType:
			bytes, n = protowire.ConsumeBytes(data)
		default:
			n = protowire.ConsumeFieldValue(number, kind, data)
		}
		if n < 0 {
			return errBatch
		}
		if err := do(number, kind, value, bytes); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
