package gdict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// A Function makes a new value of an old one. It is known by its name and version; a change of what it does is another
// version. Give it to Functions on every member that may lead, and to Update.
type Function struct {
	Name    string
	Version uint32
	// Update returns the new value, or an error that the caller gets as the Problem of an *UpdateError. It runs on the
	// leader, in the turn of its group: it must be quick, must not change what it is given, and must depend on nothing else.
	// It may run more than once for one update. A panic in it is an error of the update.
	Update func(old, arg []byte) ([]byte, error)
}

func (f Function) id() functionID { return functionID{name: f.Name, version: f.Version} }

// Functions makes update functions known. It panics for a function without a name or body, and for two of the same name
// and version.
func Functions(known ...Function) Option {
	return func(s *settings) {
		if s.functions == nil {
			s.functions = map[functionID]func(old, arg []byte) ([]byte, error){}
		}
		for _, f := range known {
			if f.Name == "" || f.Update == nil {
				panic(fmt.Sprintf("gdict: function %q: it must have a name and an Update", f.Name))
			}
			if _, twice := s.functions[f.id()]; twice {
				panic(fmt.Sprintf("gdict: function %v is given twice", f.id()))
			}
			s.functions[f.id()] = f.Update
		}
	}
}

// Update replaces the value of key by what f makes of it and arg, and returns the new entry. The leader runs f, and the
// log holds what came of it, so members need not agree about f. Updates of one key may come at once: each is made of what
// those before it will have made. If the key was changed by something else meanwhile, f runs again, until ctx ends: then the
// error is a *ConflictError, and nothing was changed.
//
// It fails with an error that wraps ErrNotFound if key has no entry, with an *UpdateError if f returns an error, and with
// a *NoFunctionError if the leader does not know f. The zero Function is a *RefusedError before anything is sent.
func (d *Dict) Update(ctx context.Context, key string, f Function, arg []byte) (Entry, error) {
	return d.update(ctx, update{key: []byte(key), function: f.id(), arg: arg})
}

// UpdateOr is Update, but if key has no entry it stores initial, without running f.
func (d *Dict) UpdateOr(ctx context.Context, key string, f Function, arg, initial []byte) (Entry, error) {
	return d.update(ctx, update{key: []byte(key), function: f.id(), arg: arg, initial: append([]byte{}, initial...)})
}

func (d *Dict) update(ctx context.Context, o update) (Entry, error) {
	if o.function.name == "" {
		return Entry{}, &RefusedError{Problem: fmt.Sprintf("an update of key %s by no function; give one with a name, or a Call that With has made", quoted(string(o.key)))}
	}
	end := deadline(ctx)
	for most := time.Millisecond; ; most = min(2*most, 32*time.Millisecond) {
		done, err := d.writeUntil(ctx, end, 0, o)
		conflict := (*ConflictError)(nil)
		if !errors.As(err, &conflict) {
			if err != nil {
				return Entry{}, err
			}
			return Entry{Key: string(o.key), Value: done.value, Rev: done.rev}, nil
		}
		if !waits(ctx, end, rand.N(most)) {
			return Entry{}, err
		}
	}
}

// runUpdate is the leader's part of an update.
func (d *Dict) runUpdate(s state, o update) (updated, error) {
	was, exists := s.tree.find(o.key)
	done := updated{key: o.key, rev: was.Rev, function: o.function}
	if value, speculated := d.ahead.of(o.key); speculated {
		was.Value, exists, done.saw = value, true, digest(value)
	}
	run, known := d.functions[o.function]
	switch {
	case !known:
		return updated{}, &NoFunctionError{Function: o.function.name, Version: o.function.version}
	case !exists && o.initial == nil:
		done.missing = true
	case !exists:
		done.value = o.initial
	default:
		value, err := safely(run, was.Value, o.arg)
		if done.value = value; err != nil {
			done.value, done.problem = nil, problemOf(err)
		}
	}
	if d.limits.check(done) == nil { // else it will make nothing of its key
		d.ahead.expect(done)
	}
	return done, nil
}

// safely runs a user's function on copies, so that it cannot change the dictionary.
func safely(run func(old, arg []byte) ([]byte, error), old, arg []byte) (value []byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	return run(bytes.Clone(old), bytes.Clone(arg))
}

// problemOf is the text of an error, short and never empty.
func problemOf(err error) string {
	const longest = 1024
	text := err.Error()
	if text == "" {
		return "an error without a text"
	}
	return string(bytes.ToValidUTF8([]byte(text[:min(len(text), longest)]), []byte("?")))
}

// Append adds data to the value of key, from nothing if it is missing, and returns how many bytes the value has then.
func (d *Dict) Append(ctx context.Context, key string, data []byte) (length int, err error) {
	done, err := d.write(ctx, appendBytes{key: []byte(key), data: data})
	return int(done.number), err
}

// AppendList adds values to the list under key, from an empty one if it is missing, and returns how many values it has
// then. It fails with a *ValueError if the value is no list; see Entry.List.
func (d *Dict) AppendList(ctx context.Context, key string, values ...[]byte) (length int, err error) {
	done, err := d.write(ctx, appendList{key: []byte(key), values: values})
	return int(done.number), err
}

// List is the value that a list of these values has: each behind its length. It is what AppendList adds to, and Entry.List
// reads.
func List(values ...[]byte) []byte { return encodeList(values) }

// List returns the values of a list, or a *ValueError if the value is none. They belong to the dictionary and must not be
// modified. A value that was not made by List or AppendList may look like one.
func (e Entry) List() ([][]byte, error) {
	values, ok := decodeList(e.Value)
	if !ok {
		return nil, &ValueError{Key: e.Key, Problem: "its value is no list"}
	}
	return values, nil
}
