package gdict

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// Store sets key to value and returns the revision of the change.
//
// The errors of all writes: *LimitError before anything is sent or when the leader refuses; ErrNotAttached; what the call
// to the leader returned, wrapped, such as genleader.ErrNoLeader (not done). A write that gets no answer is sent again
// until ctx ends, and is done once all the same; if ctx ends first, the error is an *UncertainError, which wraps
// genleader.ErrUncertain and can go on. A context without a deadline gets one of DefaultTimeout; with one that has ended
// already nothing is sent, and the error wraps what ended it.
func (d *Dict) Store(ctx context.Context, key string, value []byte, options ...StoreOption) (rev uint64, err error) {
	done, err := d.write(ctx, store{key: []byte(key), value: value, owner: ownerFrom(options)})
	return done.rev, err
}

// StoreIfMissing sets key to value if key has no entry, and returns the revision of the change. Otherwise it fails with a
// *ConflictError, which wraps ErrConflict.
func (d *Dict) StoreIfMissing(ctx context.Context, key string, value []byte, options ...StoreOption) (rev uint64, err error) {
	return d.CompareAndStore(ctx, key, 0, value, options...)
}

// StoreMany sets all these keys to their values at one revision, which it returns, or none. It is a transaction and keeps
// to MaxOps and MaxTxn: 128 keys and 4 MiB, unless the dictionary was made with others. With no values it sends nothing
// and returns the local revision.
func (d *Dict) StoreMany(ctx context.Context, values map[string][]byte) (rev uint64, err error) {
	if len(values) == 0 {
		return d.now.Load().rev, nil
	}
	o := txn{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		o.then = append(o.then, store{key: []byte(key), value: values[key]})
	}
	done, err := d.write(ctx, o)
	return done.rev, err
}

// Erase removes key and returns the revision from which on it has no entry. Erasing a missing key is no error and no
// change.
func (d *Dict) Erase(ctx context.Context, key string) (rev uint64, err error) {
	done, err := d.write(ctx, erase{key: []byte(key)})
	return done.rev, err
}

// ErasePrefix removes all keys that begin with prefix, at one revision, and returns how many they were. The prefix must
// not be empty. All members do it in one turn, so that a watch of the prefix gets all of it at once: with some hundred
// thousand keys nothing else is written meanwhile.
func (d *Dict) ErasePrefix(ctx context.Context, prefix string) (erased int, err error) {
	done, err := d.write(ctx, erasePrefix{prefix: []byte(prefix)})
	return int(done.number), err
}

// UpdateCounter adds delta to the counter under key and returns its new value. A missing key counts from zero. It fails
// with a *ValueError if the value is no counter (see Entry.Counter) or would not fit in 64 bits.
func (d *Dict) UpdateCounter(ctx context.Context, key string, delta int64) (int64, error) {
	done, err := d.write(ctx, updateCounter{key: []byte(key), delta: delta})
	return done.number, err
}

// CompareAndStore sets key to value if its revision is still rev, and returns the new revision; rev zero demands that the
// key does not exist. Otherwise it fails with a *ConflictError, which wraps ErrConflict.
func (d *Dict) CompareAndStore(ctx context.Context, key string, rev uint64, value []byte, options ...StoreOption) (uint64, error) {
	done, err := d.write(ctx, compareAndStore{key: []byte(key), rev: rev, value: value, owner: ownerFrom(options)})
	return done.rev, err
}

// write carries out one operation, once, within the time that ctx has.
func (d *Dict) write(ctx context.Context, o op) (result, error) {
	return d.writeUntil(ctx, deadline(ctx), 0, o)
}

// writeUntil writes until end, and with a term that is not zero only while this member leads in it.
func (d *Dict) writeUntil(ctx context.Context, end time.Time, term uint64, o op) (result, error) {
	if err := d.limits.check(o); err != nil {
		return result{}, err
	}
	for after := d.now.Load().rev; ; {
		if err := inTime(ctx, end); err != nil {
			return result{}, fmt.Errorf("gdict: %v: %w", o, err)
		}
		session, at, err := d.writer.take(after)
		if err != nil {
			return result{}, fmt.Errorf("gdict: %v: %w", o, err)
		}
		p := pending{session: session, requestID: at, what: o, request: encodeRequest(o, at), term: term}
		done, err := p.send(ctx, end)
		if err == nil {
			return done, nil
		}
		expired, is := errors.AsType[*expiredError](err)
		if !is || errors.Is(err, genleader.ErrUncertain) {
			return done, err
		}
		// The session has gone while it was idle, and this write was not done. Another session will do.
		d.writer.drop(session)
		after = expired.rev
	}
}
