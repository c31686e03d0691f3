package gdict

import "google.golang.org/protobuf/encoding/protowire"

// Nearly all that is ever written are the few operations of this table, and their replies. To read and write these by
// protobuf's general code, on the caller, on the leader and on every member, cost more than all the rest of a write, so
// they are read and written by hand here. The bytes are the same. Whatever is unusual in any way, such as a field that is
// not in its order or not known, is left to the general code: it alone decides what is refused, and why.

// The hot kinds, by their fields in Op.
const (
	hotStore           protowire.Number = 2
	hotErase           protowire.Number = 3
	hotUpdateCounter   protowire.Number = 4
	hotCompareAndStore protowire.Number = 5
)

// layouts are the fields of each hot kind, behind field 1, its key: zero for none.
var layouts = [...]struct{ number, value protowire.Number }{
	hotStore:           {value: 2},
	hotErase:           {},
	hotUpdateCounter:   {number: 2},
	hotCompareAndStore: {number: 2, value: 3},
}

// hotCommand is decodeCommand for hot kinds without owners and limits. The operation's bytes are those of b.
func hotCommand(b []byte) (c command, ok bool) {
	s := scan{b}
	if s.varint(1) != wireVersion {
		return command{}, false
	}
	c.session, c.seq, c.acknowledged, c.born = s.fixed64(20), s.varint(21), s.varint(22), s.varint(23)
	kind := s.next()
	if kind < hotStore || kind > hotCompareAndStore || !c.sensible() {
		return command{}, false
	}
	fields, inner := layouts[kind], scan{s.bytes(kind)}
	key, number, value := inner.bytes(1), inner.varint(fields.number), inner.bytes(fields.value)
	if !inner.done() || !s.done() {
		return command{}, false
	}
	switch kind {
	case hotStore:
		c.op = store{key: key, value: value}
	case hotErase:
		c.op = erase{key: key}
	case hotUpdateCounter:
		c.op = updateCounter{key: key, delta: protowire.DecodeZigZag(number)}
	default:
		c.op = compareAndStore{key: key, rev: number, value: value}
	}
	return c, true
}

// hotRequest is encodeRequest for hot kinds without owners.
func hotRequest(o op, t requestID) (b []byte, ok bool) {
	var kind protowire.Number
	var key, value []byte
	var number uint64
	var owner *Owner
	switch o := o.(type) {
	case store:
		kind, key, value, owner = hotStore, o.key, o.value, o.owner
	case erase:
		kind, key = hotErase, o.key
	case updateCounter:
		kind, key, number = hotUpdateCounter, o.key, protowire.EncodeZigZag(o.delta)
	case compareAndStore:
		kind, key, number, value, owner = hotCompareAndStore, o.key, o.rev, o.value, o.owner
	}
	if kind == 0 || owner != nil {
		return nil, false
	}
	const requestIDSize = 2 + 8 + 3*(2+10) // at most
	fields := layouts[kind]
	inner := sizeBytes(1, key) + sizeVarint(fields.number, number) + sizeBytes(fields.value, value)
	b = make([]byte, 0, sizeVarint(1, wireVersion)+protowire.SizeTag(kind)+protowire.SizeBytes(inner)+requestIDSize)
	b = appendVarint(b, 1, wireVersion)
	if t.session != 0 {
		b = protowire.AppendFixed64(protowire.AppendTag(b, 20, protowire.Fixed64Type), t.session)
	}
	b = appendVarint(appendVarint(appendVarint(b, 21, t.seq), 22, t.acknowledged), 23, t.born)
	b = protowire.AppendVarint(protowire.AppendTag(b, kind, protowire.BytesType), uint64(inner))
	return appendField(appendVarint(appendField(b, 1, key), fields.number, number), fields.value, value), true
}

// hotReply is decodeReply for what has gone well and returns no value.
func hotReply(b []byte) (r result, ok bool) {
	s := scan{b}
	version := s.varint(1)
	done := scan{s.bytes(2)}
	r.rev, r.number = done.varint(1), protowire.DecodeZigZag(done.varint(2))
	return r, version == wireVersion && r.rev != 0 && done.done() && s.done()
}

// encodeHotReply is encodeReply for the same.
func encodeHotReply(r result) (b []byte, ok bool) {
	if r.err != nil || r.branched || r.unlogged || len(r.value) > 0 {
		return nil, false
	}
	number := protowire.EncodeZigZag(r.number)
	inner := sizeVarint(1, r.rev) + sizeVarint(2, number)
	b = make([]byte, 0, sizeVarint(1, wireVersion)+protowire.SizeTag(2)+protowire.SizeBytes(inner))
	b = appendVarint(b, 1, wireVersion)
	b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.BytesType), uint64(inner))
	return appendVarint(appendVarint(b, 1, r.rev), 2, number), true
}
