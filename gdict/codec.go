package gdict

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// wireVersion is the one version of operations, commands, replies and snapshots that this code writes and reads.
const wireVersion = 1

// A command is an operation as the log holds it: with the limits of the leader that admitted it. With err set it could
// not be decoded, and err says why.
type command struct {
	op     op
	limits limits
	err    error
}

func encodeOp(o op) []byte {
	m := &wire.Op{Version: wireVersion}
	switch o := o.(type) {
	case store:
		m.Kind = &wire.Op_Store{Store: &wire.Store{Key: o.key, Value: o.value}}
	case erase:
		m.Kind = &wire.Op_Erase{Erase: &wire.Erase{Key: o.key}}
	case updateCounter:
		m.Kind = &wire.Op_UpdateCounter{UpdateCounter: &wire.UpdateCounter{Key: o.key, Delta: o.delta}}
	case compareAndStore:
		m.Kind = &wire.Op_CompareAndStore{CompareAndStore: &wire.CompareAndStore{Key: o.key, Rev: o.rev, Value: o.value}}
	}
	return marshal(m)
}

// decodeOp returns a *RefusedError for bytes that are no operation this code knows completely: a field that it does not
// know may change what the operation means, so it is not skipped.
func decodeOp(b []byte) (op, error) {
	m := &wire.Op{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, &RefusedError{Problem: "malformed operation"}
	}
	if m.GetVersion() != wireVersion {
		return nil, &RefusedError{Problem: fmt.Sprintf("operation version %d is not supported", m.GetVersion())}
	}
	var o op
	var inner proto.Message
	switch kind := m.GetKind().(type) {
	case *wire.Op_Store:
		o, inner = store{key: kind.Store.GetKey(), value: kind.Store.GetValue()}, kind.Store
	case *wire.Op_Erase:
		o, inner = erase{key: kind.Erase.GetKey()}, kind.Erase
	case *wire.Op_UpdateCounter:
		k := kind.UpdateCounter
		o, inner = updateCounter{key: k.GetKey(), delta: k.GetDelta()}, k
	case *wire.Op_CompareAndStore:
		k := kind.CompareAndStore
		o, inner = compareAndStore{key: k.GetKey(), rev: k.GetRev(), value: k.GetValue()}, k
	default:
		return nil, &RefusedError{Problem: "unknown kind of operation"}
	}
	if len(m.ProtoReflect().GetUnknown())+len(inner.ProtoReflect().GetUnknown()) > 0 {
		return nil, &RefusedError{Problem: "operation with unknown fields"}
	}
	return o, nil
}

func encodeCommand(op []byte, l limits) []byte {
	return marshal(&wire.Command{
		Version: wireVersion,
		Op:      op,
		Limits:  &wire.Limits{Key: l.key, Value: l.value, Total: l.total, Reserve: l.reserve, Prefix: []byte(l.prefix)},
	})
}

// decodeCommand never fails: what cannot be decoded is a command to refuse, the same on every member.
func decodeCommand(b []byte) command {
	m := &wire.Command{}
	switch err := proto.Unmarshal(b, m); {
	case err != nil:
		return command{err: &RefusedError{Problem: "malformed command"}}
	case m.GetVersion() != wireVersion:
		return command{err: &RefusedError{Problem: fmt.Sprintf("command version %d is not supported", m.GetVersion())}}
	case m.GetLimits() == nil:
		return command{err: &RefusedError{Problem: "command without limits"}}
	}
	o, err := decodeOp(m.GetOp())
	l := m.GetLimits()
	return command{op: o, err: err, limits: limits{
		key: l.GetKey(), value: l.GetValue(), total: l.GetTotal(), reserve: l.GetReserve(), prefix: string(l.GetPrefix()),
	}}
}

func encodeReply(r result) []byte {
	m := &wire.Reply{Version: wireVersion}
	var conflict *ConflictError
	var limit *LimitError
	var value *ValueError
	var refused *RefusedError
	switch {
	case r.err == nil:
		m.Outcome = &wire.Reply_Done{Done: &wire.Done{Rev: r.rev, Counter: r.counter}}
	case errors.As(r.err, &conflict):
		m.Outcome = &wire.Reply_Conflict{Conflict: &wire.Conflict{
			Key: []byte(conflict.Key), Want: conflict.Want, Have: conflict.Have,
		}}
	case errors.As(r.err, &limit):
		m.Outcome = &wire.Reply_TooBig{TooBig: &wire.TooBig{
			What: limit.What, Key: []byte(limit.Key), Size: limit.Size, Limit: limit.Limit,
		}}
	case errors.As(r.err, &value):
		m.Outcome = &wire.Reply_BadValue{BadValue: &wire.BadValue{Key: []byte(value.Key), Problem: value.Problem}}
	case errors.As(r.err, &refused):
		m.Outcome = &wire.Reply_Refused{Refused: &wire.Refused{Problem: refused.Problem}}
	default:
		m.Outcome = &wire.Reply_Refused{Refused: &wire.Refused{Problem: r.err.Error()}}
	}
	return marshal(m)
}

// decodeReply returns the result that a reply carries, or an error if it carries none. No bytes are no reply: a success
// is only what says so.
func decodeReply(b []byte) (result, error) {
	m := &wire.Reply{}
	if err := proto.Unmarshal(b, m); err != nil {
		return result{}, fmt.Errorf("%w: malformed", ErrBadReply)
	}
	if m.GetVersion() != wireVersion {
		return result{}, fmt.Errorf("%w: version %d", ErrBadReply, m.GetVersion())
	}
	switch o := m.GetOutcome().(type) {
	case *wire.Reply_Done:
		if o.Done.GetRev() == 0 {
			return result{}, fmt.Errorf("%w: done at revision 0", ErrBadReply)
		}
		return result{rev: o.Done.GetRev(), counter: o.Done.GetCounter()}, nil
	case *wire.Reply_Conflict:
		c := o.Conflict
		return result{err: &ConflictError{Key: string(c.GetKey()), Want: c.GetWant(), Have: c.GetHave()}}, nil
	case *wire.Reply_TooBig:
		b := o.TooBig
		return result{err: &LimitError{What: b.GetWhat(), Key: string(b.GetKey()), Size: b.GetSize(), Limit: b.GetLimit()}}, nil
	case *wire.Reply_BadValue:
		return result{err: &ValueError{Key: string(o.BadValue.GetKey()), Problem: o.BadValue.GetProblem()}}, nil
	case *wire.Reply_Refused:
		return result{err: &RefusedError{Problem: o.Refused.GetProblem()}}, nil
	default:
		return result{}, fmt.Errorf("%w: it has no outcome", ErrBadReply)
	}
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
