package gdict

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	importEntries = 64      // in one batch
	importBytes   = 1 << 20 // of keys and values in one batch, unless one entry alone has more
)

// A Storer takes what Import reads; a *Dict is one.
type Storer interface {
	// StoreMany sets all these keys at one revision, or none.
	StoreMany(ctx context.Context, values map[string][]byte) (rev uint64, err error)
}

// ImportOptions say which entries of a backup to store, and where. The zero value stores all as they are.
type ImportOptions struct {
	Keep  func(Entry) bool // which entries; nil: all
	Under string           // what the keys get in front
	After string           // only entries whose keys in the backup come after this one: Imported.Last of an import that failed
}

// Imported says what an import has done.
type Imported struct {
	Stored  int    // entries
	Skipped int    // entries that the options leave out
	Last    string // the last key of the backup up to which everything is done
	Rev     uint64 // of the last batch
}

// Import stores the entries of a backup. It first reads the whole backup: a damaged one is refused with a *BackupError
// before anything is stored. Then it stores the entries in the order of their keys, in batches of which each is a
// transaction, overwriting what is there and leaving other keys alone. Each batch has DefaultTimeout.
//
// An error in the middle says what has been done; an import with After: Imported.Last goes on there. The batch that failed
// is stored again then, which changes nothing if it had been stored already and nobody else writes these keys.
func Import(ctx context.Context, to Storer, from io.ReadSeeker, options ImportOptions) (Imported, error) {
	if _, err := CheckBackup(from); err != nil {
		return Imported{}, err
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return Imported{}, fmt.Errorf("gdict: import: %w", err)
	}
	i := importing{ctx: ctx, to: to, under: options.Under, done: Imported{Last: options.After}}
	r := backupReader{from: bufio.NewReaderSize(from, snapshotBuffer)}
	for e, err := range r.entries() {
		if err != nil { // the file has changed since it was checked
			return i.done, err
		}
		if e.Key <= options.After || options.Keep != nil && !options.Keep(e) {
			i.done.Skipped++
			continue
		}
		if err := i.add(e); err != nil {
			return i.done, err
		}
	}
	err := i.flush()
	return i.done, err
}

// importing is an import on its way.
type importing struct {
	ctx   context.Context
	to    Storer
	under string
	done  Imported
	batch []Entry
	bytes int
}

func (i *importing) add(e Entry) error {
	size := len(i.under) + len(e.Key) + len(e.Value)
	if len(i.batch) >= importEntries || i.bytes+size > importBytes {
		if err := i.flush(); err != nil {
			return err
		}
	}
	i.batch = append(i.batch, e)
	i.bytes += size
	return nil
}

func (i *importing) flush() error {
	if len(i.batch) == 0 {
		return nil
	}
	if err := i.store(i.batch); err != nil {
		return err
	}
	i.batch, i.bytes = i.batch[:0], 0
	return nil
}

// store stores a batch, in halves if the dictionary does not take that many at once.
func (i *importing) store(batch []Entry) error {
	values := make(map[string][]byte, len(batch))
	for _, e := range batch {
		values[i.under+e.Key] = e.Value
	}
	ctx, cancel := context.WithTimeout(i.ctx, DefaultTimeout)
	rev, err := i.to.StoreMany(ctx, values)
	cancel()
	limit := (*LimitError)(nil)
	if len(batch) > 1 && errors.As(err, &limit) && (limit.What == whatOps || limit.What == whatTxn) {
		half := len(batch) / 2
		if err := i.store(batch[:half]); err != nil {
			return err
		}
		return i.store(batch[half:])
	}
	if err != nil {
		return fmt.Errorf("gdict: import: keys %s to %s, after %d entries: %w",
			quoted(batch[0].Key), quoted(batch[len(batch)-1].Key), i.done.Stored, err)
	}
	i.done.Stored += len(batch)
	i.done.Last, i.done.Rev = batch[len(batch)-1].Key, rev
	return nil
}
