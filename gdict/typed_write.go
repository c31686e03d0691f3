package gdict

import (
	"context"
	"iter"
)

// write carries out one operation of a typed view.
func (t *Typed[K, V]) write(ctx context.Context, o Op) (result, error) {
	if o.err != nil {
		return result{}, o.err
	}
	return t.dict.write(ctx, o.op)
}

// Store is Dict.Store. Every writing method also fails with a *CodecError before anything is sent.
func (t *Typed[K, V]) Store(ctx context.Context, key K, value V, options ...StoreOption) (rev uint64, err error) {
	done, err := t.write(ctx, t.Op().Store(key, value, options...))
	return done.rev, err
}

// StoreIfMissing is Dict.StoreIfMissing.
func (t *Typed[K, V]) StoreIfMissing(ctx context.Context, key K, value V, options ...StoreOption) (rev uint64, err error) {
	return t.CompareAndStore(ctx, key, 0, value, options...)
}

// StoreMany is Dict.StoreMany: prices.StoreMany(ctx, maps.All(values)). Of several values for one key the last is stored.
func (t *Typed[K, V]) StoreMany(ctx context.Context, values iter.Seq2[K, V]) (rev uint64, err error) {
	encoded := map[string][]byte{}
	for key, value := range values {
		k, b, err := t.encode(key, value)
		if err != nil {
			return 0, err
		}
		encoded[string(k)] = b
	}
	return t.dict.StoreMany(ctx, encoded)
}

// CompareAndStore is Dict.CompareAndStore.
func (t *Typed[K, V]) CompareAndStore(ctx context.Context, key K, rev uint64, value V, options ...StoreOption) (uint64, error) {
	done, err := t.write(ctx, t.Op().CompareAndStore(key, rev, value, options...))
	return done.rev, err
}

// CompareAndErase is Dict.CompareAndErase.
func (t *Typed[K, V]) CompareAndErase(ctx context.Context, key K, rev uint64) (uint64, error) {
	k, err := t.Key(key)
	if err != nil {
		return 0, err
	}
	return t.dict.CompareAndErase(ctx, k, rev)
}

// Erase is Dict.Erase.
func (t *Typed[K, V]) Erase(ctx context.Context, key K) (rev uint64, err error) {
	done, err := t.write(ctx, t.Op().Erase(key))
	return done.rev, err
}

// EraseAll removes all entries of t at one revision, also those that cannot be decoded, and returns how many they were. It is
// Dict.ErasePrefix of Prefix.
func (t *Typed[K, V]) EraseAll(ctx context.Context) (erased int, err error) {
	return t.dict.ErasePrefix(ctx, t.prefix)
}

// ErasePrefix is Dict.ErasePrefix of the keys whose bytes begin with those of prefix, which is for strings and byte slices.
// As there it must not be empty; to erase everything there is EraseAll.
func (t *Typed[K, V]) ErasePrefix(ctx context.Context, prefix K) (erased int, err error) {
	done, err := t.write(ctx, t.Op().ErasePrefix(prefix))
	return int(done.number), err
}

// UpdateCounter is Dict.UpdateCounter. It fails with ErrNoCounter where the values are no counters.
func (t *Typed[K, V]) UpdateCounter(ctx context.Context, key K, delta int64) (int64, error) {
	done, err := t.write(ctx, t.Op().UpdateCounter(key, delta))
	return done.number, err
}

// Append is Dict.Append. It fails with ErrNoBytes where the values are no strings or byte slices.
func (t *Typed[K, V]) Append(ctx context.Context, key K, data V) (length int, err error) {
	done, err := t.write(ctx, t.Op().Append(key, data))
	return int(done.number), err
}

// OwnerOf is Dict.OwnerOf. Its error is a *CodecError.
func (t *Typed[K, V]) OwnerOf(key K) (owner Owner, owned bool, err error) {
	k, err := t.Key(key)
	if err != nil {
		return Owner{}, false, err
	}
	owner, owned = t.dict.OwnerOf(k)
	return owner, owned, nil
}
