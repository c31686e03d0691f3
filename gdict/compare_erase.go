package gdict

import "context"

// CompareAndErase removes key if its revision is still rev, and returns the revision from which on it has no entry.
// Otherwise it fails with a *ConflictError, which wraps ErrConflict. It is a transaction of RevIs and Erase.
func (d *Dict) CompareAndErase(ctx context.Context, key string, rev uint64) (uint64, error) {
	done, err := d.Txn(ctx, If(RevIs(key, rev)), Then(Erase(key)))
	if err != nil {
		return 0, err
	}
	if !done.Succeeded {
		now, _ := d.Find(key) // this member has applied the transaction
		return 0, &ConflictError{Key: key, Want: rev, Have: now.Rev}
	}
	return done.Rev, nil
}
