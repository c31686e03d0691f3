package gdict

import "context"

// A TermWriter writes only while this member leads in one term. A write that comes later is not done, and fails with
// genleader.ErrNoLeader. It is for a leader whose decisions must not be carried out by its successor.
type TermWriter struct {
	dict *Dict
	term uint64
}

// InTerm returns the writer of a term in which this member leads, as genleader.View.Term names it.
func (d *Dict) InTerm(term uint64) TermWriter { return TermWriter{d, term} }

// CompareAndStore is Dict.CompareAndStore in this term.
func (w TermWriter) CompareAndStore(ctx context.Context, key string, rev uint64, value []byte) (uint64, error) {
	done, err := w.dict.writeUntil(ctx, deadline(ctx), w.term, compareAndStore{key: []byte(key), rev: rev, value: value})
	return done.rev, err
}

// Erase is Dict.Erase in this term.
func (w TermWriter) Erase(ctx context.Context, key string) (rev uint64, err error) {
	done, err := w.dict.writeUntil(ctx, deadline(ctx), w.term, erase{key: []byte(key)})
	return done.rev, err
}
