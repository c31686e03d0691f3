package process

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// A Carried message is an envelope of a behaviour's that crosses members as its name and what is in it. The behaviour
// teaches the other side to put it together again with CarryAs.
type Carried interface {
	Carried() (as string, body any)
}

// RemoteError is an error that came from another member. It is, to errors.Is, every sentinel that the original was, as
// far as both members know it: those of this package, and those given to RegisterError.
type RemoteError struct {
	Text   string // of the original
	codes  []string
	ending Ending
}

func (e *RemoteError) Error() string { return e.Text }

// Ending is the original's.
func (e *RemoteError) Ending() Ending { return e.ending }

// Is reports whether the original was target.
func (e *RemoteError) Is(target error) bool {
	known := vocabulary.snapshot()
	for _, code := range e.codes {
		if known[code] == target {
			return true
		}
	}
	return false
}

// vocabulary is what members share: the names of errors and of envelopes.
var vocabulary = &words{
	errs: map[string]error{
		"normal": ErrNormal, "shutdown": ErrShutdown, "killed": ErrKilled, "unknown": ErrUnknown,
		"noproc": ErrNoProc, "nodedown": ErrNodeDown, "timeout": ErrTimeout, "badreply": ErrBadReply,
		"unsupported": ErrUnsupported, "overload": ErrOverload, "nametaken": ErrNameTaken,
	},
	envelopes: map[string]func(any) any{},
}

type words struct {
	mu        sync.RWMutex
	errs      map[string]error // replaced, never changed
	envelopes map[string]func(any) any
}

func (w *words) snapshot() map[string]error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.errs
}

func (w *words) envelope(as string) (func(any) any, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	f, ok := w.envelopes[as]
	return f, ok
}

// RegisterError lets errors.Is find a sentinel in errors that come from other members. Every member must register it
// under the same code, best in an init function. A code twice panics.
func RegisterError(code string, sentinel error) {
	w := vocabulary
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, twice := w.errs[code]; twice {
		panic(fmt.Sprintf("process: RegisterError(%q): the code is taken", code))
	}
	errs := maps.Clone(w.errs)
	errs[code] = sentinel
	w.errs = errs
}

// CarryAs says how the envelope named as is put round a body that came from another member: see Carried. Call it in an
// init function. A name twice panics.
func CarryAs(as string, wrap func(body any) any) {
	w := vocabulary
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, twice := w.envelopes[as]; twice || as == "" {
		panic(fmt.Sprintf("process: CarryAs(%q): the name is empty or taken", as))
	}
	w.envelopes[as] = wrap
}

// pack makes bytes of a message; only protobuf messages and nil can be.
func pack(msg any) (*wire.Payload, error) {
	out := &wire.Payload{}
	if c, ok := msg.(Carried); ok {
		out.As, msg = c.Carried()
	}
	if msg == nil {
		return out, nil
	}
	m, ok := msg.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%w: %T is no protobuf message, and only those cross members", ErrUnsupported, msg)
	}
	value, err := anypb.New(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %T: %w", ErrUnsupported, msg, err)
	}
	out.Value = value
	return out, nil
}

func unpack(in *wire.Payload) (any, error) {
	var msg any
	if v := in.GetValue(); v != nil {
		m, err := v.UnmarshalNew()
		if err != nil {
			return nil, fmt.Errorf("%w: message of type %q: %w", ErrUnsupported, v.GetTypeUrl(), err)
		}
		msg = m
	}
	if in.GetAs() == "" {
		return msg, nil
	}
	wrap, ok := vocabulary.envelope(in.GetAs())
	if !ok {
		return nil, fmt.Errorf("%w: envelope %q", ErrUnsupported, in.GetAs())
	}
	return wrap(msg), nil
}

// failureOf makes bytes of an error.
func failureOf(err error) *wire.Failure {
	if err == nil {
		return nil
	}
	f := &wire.Failure{Text: strings.ToValidUTF8(err.Error(), "\uFFFD"), Ending: int32(EndingOf(err))}
	for code, sentinel := range vocabulary.snapshot() {
		if errors.Is(err, sentinel) {
			f.Codes = append(f.Codes, code)
		}
	}
	if exit, ok := err.(*ExitError); ok { //nolint:errorlint // one that is wrapped is a text
		f.Exit = &wire.Exit{
			Address: exit.Who.GetAddress(), Id: exit.Who.GetId(), Taken: exit.Taken, Reason: failureOf(exit.Reason),
		}
	}
	return f
}

// errorOf is the way back. A bare sentinel becomes itself.
func errorOf(f *wire.Failure) error {
	if f == nil {
		return nil
	}
	if x := f.GetExit(); x != nil {
		return &ExitError{Who: actor.NewPID(x.GetAddress(), x.GetId()), Taken: x.GetTaken(), Reason: errorOf(x.GetReason())}
	}
	known := vocabulary.snapshot()
	for _, code := range f.GetCodes() {
		if s, ok := known[code]; ok && s.Error() == f.GetText() {
			return s
		}
	}
	return &RemoteError{Text: f.GetText(), codes: f.GetCodes(), ending: Ending(f.GetEnding())}
}
