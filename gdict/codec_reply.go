package gdict

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

func encodeReply(r result) []byte {
	if b, hot := encodeHotReply(r); hot {
		return b
	}
	return encodeAnyReply(r)
}

func encodeAnyReply(r result) []byte {
	m := &wire.Reply{Version: wireVersion, Unlogged: r.unlogged}
	switch {
	case r.err != nil:
		fail(m, r.err)
	case r.branched:
		m.Outcome = &wire.Reply_TxnDone{TxnDone: encodeTxnDone(r)}
	default:
		m.Outcome = &wire.Reply_Done{Done: &wire.Done{Rev: r.rev, Number: r.number, Value: r.value}}
	}
	return marshal(m)
}

// fail makes m the reply that says err.
func fail(m *wire.Reply, err error) {
	if e, is := errors.AsType[*ConflictError](err); is {
		m.Outcome = &wire.Reply_Conflict{Conflict: &wire.Conflict{Key: []byte(e.Key), Want: e.Want, Have: e.Have}}
	} else if e, is := errors.AsType[*LimitError](err); is {
		m.Outcome = &wire.Reply_TooBig{TooBig: &wire.TooBig{What: e.What, Key: []byte(e.Key), Size: e.Size, Limit: e.Limit}}
	} else if e, is := errors.AsType[*ValueError](err); is {
		m.Outcome = &wire.Reply_BadValue{BadValue: &wire.BadValue{Key: []byte(e.Key), Problem: e.Problem}}
	} else if e, is := errors.AsType[*expiredError](err); is {
		m.Outcome = &wire.Reply_Expired{Expired: &wire.Expired{Rev: e.rev}}
	} else if e, is := errors.AsType[*missingError](err); is {
		m.Outcome = &wire.Reply_Missing{Missing: &wire.Missing{Key: []byte(e.key)}}
	} else if e, is := errors.AsType[*UpdateError](err); is {
		m.Outcome = &wire.Reply_FunctionFailed{FunctionFailed: &wire.FunctionFailed{
			Key: []byte(e.Key), Function: functionID{e.Function, e.Version}.message(), Problem: e.Problem,
		}}
	} else if e, is := errors.AsType[*NoFunctionError](err); is {
		m.Outcome = &wire.Reply_NoFunction{NoFunction: functionID{e.Function, e.Version}.message()}
	} else if e, is := errors.AsType[*OwnerError](err); is {
		m.Outcome = &wire.Reply_OwnerGone{OwnerGone: &wire.OwnerGone{Owner: ownerMessage(&e.Owner), Problem: e.Problem}}
	} else if e, is := errors.AsType[*RefusedError](err); is {
		m.Outcome = &wire.Reply_Refused{Refused: &wire.Refused{Problem: e.Problem}}
	} else {
		m.Outcome = &wire.Reply_Refused{Refused: &wire.Refused{Problem: err.Error()}}
	}
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
	if r, hot := hotReply(b); hot {
		return r, nil
	}
	return decodeAnyReply(b)
}

func decodeAnyReply(b []byte) (result, error) {
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
