package gdict

import (
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

func (f functionID) message() *wire.Function {
	return &wire.Function{Name: []byte(f.name), Version: f.version}
}

func functionOf(m *wire.Function) functionID {
	return functionID{name: string(m.GetName()), version: m.GetVersion()}
}

func updatedMessage(o updated) *wire.Updated {
	m := &wire.Updated{Key: o.key, Rev: o.rev, Function: o.function.message(), Saw: o.saw}
	switch {
	case o.missing:
		m.Outcome = &wire.Updated_Missing{Missing: true}
	case o.problem != "":
		m.Outcome = &wire.Updated_Problem{Problem: o.problem}
	default:
		m.Outcome = &wire.Updated_Value{Value: o.value}
	}
	return m
}

// decodeUpdate reads an Update or an Updated.
func decodeUpdate(m *wire.Op) (o op, inner proto.Message, err error) {
	if u := m.GetUpdate(); u != nil {
		if u.GetFunction() == nil || !known(u.GetFunction()) {
			return nil, nil, &RefusedError{Problem: "an update by a function with unknown fields"}
		}
		return update{key: u.GetKey(), function: functionOf(u.GetFunction()), arg: u.GetArg(), initial: u.Initial}, u, nil
	}
	u := m.GetUpdated()
	if u.GetFunction() == nil || !known(u.GetFunction()) {
		return nil, nil, &RefusedError{Problem: "an update by a function with unknown fields"}
	}
	done := updated{key: u.GetKey(), rev: u.GetRev(), function: functionOf(u.GetFunction()), saw: u.GetSaw()}
	said := false
	switch outcome := u.GetOutcome().(type) {
	case *wire.Updated_Value:
		done.value, said = outcome.Value, true
	case *wire.Updated_Missing:
		done.missing, said = outcome.Missing, outcome.Missing
	case *wire.Updated_Problem:
		done.problem, said = outcome.Problem, outcome.Problem != ""
	}
	if !said {
		return nil, nil, &RefusedError{Problem: "an update without an outcome"}
	}
	if done.saw != nil && len(done.saw) != len(digest(nil)) {
		return nil, nil, &RefusedError{Problem: "an update of a value that nobody can have seen"}
	}
	return done, u, nil
}
