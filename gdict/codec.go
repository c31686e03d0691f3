package gdict

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// wireVersion is the one version of operations, commands, replies and snapshots that this code writes and reads.
const wireVersion = 1

// A command is an operation as the log holds it: which write it is of which session, and the limits that it brings into
// force, if others were before. With err set it could not be decoded, and err says why.
type command struct {
	op op
	requestID
	limits *limits
	err    error
}

// encodeRequest is what a client sends.
func encodeRequest(o op, t requestID) []byte {
	if b, hot := hotRequest(o, t); hot {
		return b
	}
	return encodeAnyRequest(o, t)
}

func encodeAnyRequest(o op, t requestID) []byte {
	m := opMessage(o)
	m.Version = wireVersion
	m.Session, m.Seq, m.Acknowledged, m.Born = t.session, t.seq, t.acknowledged, t.born
	return marshal(m)
}

// encodeCommand gives a request the limits that it brings into force. What is added to a message at its end is part of
// it, so the request is not read and written again.
func encodeCommand(req []byte, l limits) []byte {
	return append(slices.Clip(req), marshal(&wire.Op{Limits: encodeLimits(l)})...)
}

func encodeLimits(l limits) *wire.Limits {
	return &wire.Limits{
		Key: l.key, Value: l.value, Total: l.total, Reserve: l.reserve, Prefix: []byte(l.prefix), Ops: l.ops, Txn: l.txn,
		Sessions: l.sessions, Owners: l.owners,
	}
}

// decodeLimits returns nil for no limits.
func decodeLimits(m *wire.Limits) *limits {
	if m == nil {
		return nil
	}
	return &limits{
		key: m.GetKey(), value: m.GetValue(), total: m.GetTotal(), reserve: m.GetReserve(), prefix: string(m.GetPrefix()),
		ops: m.GetOps(), txn: m.GetTxn(), sessions: m.GetSessions(), owners: m.GetOwners(),
	}
}

// decodeCommand never fails: what cannot be decoded is a command to refuse, the same on every member. A field that it
// does not know may change what an operation means, so it is not skipped. The bytes of the operation may be those of b.
func decodeCommand(b []byte) command {
	if c, hot := hotCommand(b); hot {
		return c
	}
	return decodeAnyCommand(b)
}

func decodeAnyCommand(b []byte) command {
	m := &wire.Op{}
	if err := proto.Unmarshal(b, m); err != nil {
		return command{err: &RefusedError{Problem: "malformed operation"}}
	}
	if m.GetVersion() != wireVersion {
		return command{err: &RefusedError{Problem: fmt.Sprintf("operation version %d is not supported", m.GetVersion())}}
	}
	o, err := kindOf(m)
	if err != nil {
		return command{err: err}
	}
	c := command{op: o, limits: decodeLimits(m.GetLimits())}
	c.requestID = requestID{session: m.GetSession(), seq: m.GetSeq(), acknowledged: m.GetAcknowledged(), born: m.GetBorn()}
	switch {
	case m.GetLimits() != nil && !known(m.GetLimits()):
		return command{err: &RefusedError{Problem: "limits with unknown fields"}}
	case !c.sensible():
		return command{err: &RefusedError{Problem: "a write of a session that makes no sense"}}
	}
	return c
}

// marshal encodes a message of this package, none of which can fail to encode: they have no strings from outside but
// those of RefusedError and ValueError, which marshalled text of our own.
func marshal(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("gdict: cannot encode %T: %v", m, err))
	}
	return b
}
