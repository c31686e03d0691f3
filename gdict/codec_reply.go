package gdict

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

func encodeReply(r result) []byte {
	m := &wire.Reply{Version: wireVersion, Unlogged: r.unlogged}
	var conflict *ConflictError
	var limit *LimitError
	var value *ValueError
	var refused *RefusedError
	var expired *expiredError
	var missing *missingError
	var failed *UpdateError
	var unknown *NoFunctionError
	var owner *OwnerError
	switch {
	case r.err == nil && r.branched:
		m.Outcome = &wire.Reply_TxnDone{TxnDone: encodeTxnDone(r)}
	case r.err == nil:
		m.Outcome = &wire.Reply_Done{Done: &wire.Done{Rev: r.rev, Number: r.number, Value: r.value}}
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
	case errors.As(r.err, &expired):
		m.Outcome = &wire.Reply_Expired{Expired: &wire.Expired{Rev: expired.rev}}
	case errors.As(r.err, &missing):
		m.Outcome = &wire.Reply_Missing{Missing: &wire.Missing{Key: []byte(missing.key)}}
	case errors.As(r.err, &failed):
		m.Outcome = &wire.Reply_FunctionFailed{FunctionFailed: &wire.FunctionFailed{
			Key: []byte(failed.Key), Function: functionID{failed.Function, failed.Version}.message(), Problem: failed.Problem,
		}}
	case errors.As(r.err, &unknown):
		m.Outcome = &wire.Reply_NoFunction{NoFunction: functionID{unknown.Function, unknown.Version}.message()}
	case errors.As(r.err, &owner):
		m.Outcome = &wire.Reply_OwnerGone{OwnerGone: &wire.OwnerGone{Owner: ownerMessage(&owner.Owner), Problem: owner.Problem}}
	case errors.As(r.err, &refused):
		m.Outcome = &wire.Reply_Refused{Refused: &wire.Refused{Problem: refused.Problem}}
	default:
		m.Outcome = &wire.Reply_Refused{Refused: &wire.Refused{Problem: r.err.Error()}}
	}
	return marshal(m)
}

func encodeTxnDone(r result) *wire.TxnDone {
	m := &wire.TxnDone{Rev: r.rev, Held: r.held}
	for _, part := range r.parts {
		m.Parts = append(m.Parts, &wire.Part{Number: part.number})
	}
	return m
}

func decodeTxnDone(m *wire.TxnDone) result {
	r := result{rev: m.GetRev(), branched: true, held: m.GetHeld()}
	for _, part := range m.GetParts() {
		r.parts = append(r.parts, outcome{number: part.GetNumber()})
	}
	return r
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
	r, err := decodeOutcome(m)
	r.unlogged = m.GetUnlogged()
	return r, err
}

func decodeOutcome(m *wire.Reply) (result, error) {
	switch o := m.GetOutcome().(type) {
	case *wire.Reply_Done:
		if o.Done.GetRev() == 0 {
			return result{}, fmt.Errorf("%w: done at revision 0", ErrBadReply)
		}
		return result{rev: o.Done.GetRev(), outcome: outcome{number: o.Done.GetNumber(), value: o.Done.GetValue()}}, nil
	case *wire.Reply_TxnDone:
		if o.TxnDone.GetRev() == 0 {
			return result{}, fmt.Errorf("%w: done at revision 0", ErrBadReply)
		}
		return decodeTxnDone(o.TxnDone), nil
	case *wire.Reply_Conflict:
		c := o.Conflict
		return result{err: &ConflictError{Key: string(c.GetKey()), Want: c.GetWant(), Have: c.GetHave()}}, nil
	case *wire.Reply_TooBig:
		b := o.TooBig
		return result{err: &LimitError{What: b.GetWhat(), Key: string(b.GetKey()), Size: b.GetSize(), Limit: b.GetLimit()}}, nil
	case *wire.Reply_BadValue:
		return result{err: &ValueError{Key: string(o.BadValue.GetKey()), Problem: o.BadValue.GetProblem()}}, nil
	case *wire.Reply_Expired:
		return result{err: &expiredError{rev: o.Expired.GetRev()}}, nil
	case *wire.Reply_Missing:
		return result{err: &missingError{key: string(o.Missing.GetKey())}}, nil
	case *wire.Reply_FunctionFailed:
		f := functionOf(o.FunctionFailed.GetFunction())
		return result{err: &UpdateError{
			Key: string(o.FunctionFailed.GetKey()), Function: f.name, Version: f.version, Problem: o.FunctionFailed.GetProblem(),
		}}, nil
	case *wire.Reply_NoFunction:
		f := functionOf(o.NoFunction)
		return result{err: &NoFunctionError{Function: f.name, Version: f.version}}, nil
	case *wire.Reply_OwnerGone:
		if o.OwnerGone.GetOwner() == nil {
			return result{}, fmt.Errorf("%w: it names no owner", ErrBadReply)
		}
		return result{err: &OwnerError{Owner: *ownerIn(o.OwnerGone.GetOwner()), Problem: o.OwnerGone.GetProblem()}}, nil
	case *wire.Reply_Refused:
		return result{err: &RefusedError{Problem: o.Refused.GetProblem()}}, nil
	default:
		return result{}, fmt.Errorf("%w: it has no outcome", ErrBadReply)
	}
}
