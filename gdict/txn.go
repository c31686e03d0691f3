package gdict

import (
	"cmp"
	"context"
)

// An Op is one operation of a transaction. Make one with the function that is named like the method of Dict which does
// the same on its own: Store, StoreIfMissing, CompareAndStore, Erase, ErasePrefix, UpdateCounter, Append, AppendList. Those
// of a typed view are made by Typed.Op.
type Op struct {
	op  op
	err error // why it cannot be sent
}

// String names the operation and its key.
func (o Op) String() string {
	switch {
	case o.err != nil:
		return "an operation that cannot be sent: " + o.err.Error()
	case o.op == nil:
		return "an empty operation"
	default:
		return o.op.String()
	}
}

// Store sets key to value.
func Store(key string, value []byte, options ...StoreOption) Op {
	return Op{op: store{key: []byte(key), value: value, owner: ownerFrom(options)}}
}

// StoreIfMissing sets key to value if it has no entry; else the whole transaction fails with a *ConflictError.
func StoreIfMissing(key string, value []byte, options ...StoreOption) Op {
	return CompareAndStore(key, 0, value, options...)
}

// CompareAndStore sets key to value if its revision is rev; else the whole transaction fails with a *ConflictError. A
// condition that may fail without an error is RevIs.
func CompareAndStore(key string, rev uint64, value []byte, options ...StoreOption) Op {
	return Op{op: compareAndStore{key: []byte(key), rev: rev, value: value, owner: ownerFrom(options)}}
}

// Erase removes key. A missing key is no error and no change. OpResult.N tells whether there was one, as 1 or 0.
func Erase(key string) Op { return Op{op: erase{key: []byte(key)}} }

// ErasePrefix removes all keys that begin with prefix, which must not be empty. OpResult.N is how many they were.
func ErasePrefix(prefix string) Op { return Op{op: erasePrefix{prefix: []byte(prefix)}} }

// UpdateCounter adds delta to the counter under key, from zero if it is missing. OpResult.N is its new value. If the value
// is no counter, or would not fit in 64 bits, the whole transaction fails with a *ValueError.
func UpdateCounter(key string, delta int64) Op {
	return Op{op: updateCounter{key: []byte(key), delta: delta}}
}

// Append adds data to the value of key, from nothing if it is missing. OpResult.N is how many bytes the value has then.
func Append(key string, data []byte) Op { return Op{op: appendBytes{key: []byte(key), data: data}} }

// AppendList adds values to the list under key, from an empty one if it is missing. OpResult.N is how many values it has
// then. If the value is no list, the whole transaction fails with a *ValueError.
func AppendList(key string, values ...[]byte) Op {
	return Op{op: appendList{key: []byte(key), values: values}}
}

// A Cond is a condition of a transaction on one key, as it is before the transaction changes anything. Those of a typed view
// are made by Typed.Cond.
type Cond struct {
	cond cond
	err  error // why it cannot be sent
}

// String names the condition and its key.
func (c Cond) String() string {
	switch {
	case c.err != nil:
		return "a condition that cannot be sent: " + c.err.Error()
	case c.cond == nil:
		return "an empty condition"
	default:
		return c.cond.String()
	}
}

// RevIs holds if the last change of key has revision rev; zero: if it is missing.
func RevIs(key string, rev uint64) Cond { return Cond{cond: revIs{key: []byte(key), rev: rev}} }

// Missing holds if key has no entry.
func Missing(key string) Cond { return RevIs(key, 0) }

// Exists holds if key has an entry.
func Exists(key string) Cond { return Cond{cond: exists{key: []byte(key)}} }

// ValueIs holds if key has an entry with this value.
func ValueIs(key string, value []byte) Cond {
	return Cond{cond: valueIs{key: []byte(key), value: value}}
}

// ValueIsNot holds if key has an entry with another value.
func ValueIsNot(key string, value []byte) Cond {
	return Cond{cond: valueIs{key: []byte(key), value: value, not: true}}
}

// CounterIn holds if key is a counter of at least low and at most high. A missing key counts as zero, as in UpdateCounter;
// for a value that is no counter it does not hold.
func CounterIn(key string, low, high int64) Cond {
	return Cond{cond: counterIn{key: []byte(key), min: low, max: high}}
}

// A Clause is a part of a transaction: If, Then or Else. One that is given twice is added to.
type Clause func(*proposal)

// A proposal is a transaction in the making, and why it cannot be sent.
type proposal struct {
	txn
	err error
}

// If names the conditions, of which all must hold. A transaction without any is carried out always.
func If(conditions ...Cond) Clause {
	return func(p *proposal) {
		for _, c := range conditions {
			p.ifs = append(p.ifs, c.cond)
			p.err = cmp.Or(p.err, c.err)
		}
	}
}

// Then names what is done if all conditions hold, in this order.
func Then(operations ...Op) Clause {
	return func(p *proposal) { p.then = p.add(p.then, operations) }
}

// Else names what is done if one of the conditions does not hold, in this order.
func Else(operations ...Op) Clause {
	return func(p *proposal) { p.otherwise = p.add(p.otherwise, operations) }
}

func (p *proposal) add(branch []op, operations []Op) []op {
	for _, o := range operations {
		branch = append(branch, o.op)
		p.err = cmp.Or(p.err, o.err)
	}
	return branch
}

// A TxnResult says what a transaction did.
type TxnResult struct {
	Succeeded bool       // the conditions held, and Then was carried out; else it was Else, or nothing
	Rev       uint64     // of everything that was changed
	Results   []OpResult // one for each operation carried out, in their order
}

// An OpResult is what one operation of a transaction came to.
type OpResult struct {
	N int64 // what the operation counts; see the function that makes it
}

// Txn carries out a transaction: if all conditions hold it does all operations of Then, else all of Else, at one
// revision. Each operation sees what those before it did. If one of them fails, nothing is done and its error is
// returned; that the conditions do not hold is no error.
//
//	done, err := dict.Txn(ctx,
//		gdict.If(gdict.RevIs("k", 7), gdict.Missing("x")),
//		gdict.Then(gdict.Store("x", value), gdict.Erase("k")))
//
// Nobody sees a part of it: a local read has all of it or nothing, and a watch gets its changes together, with one
// revision, in the order of the operations. If several of them change the same key, only the last is a change.
//
// Its errors are those of the operations in it; a *CodecError of a typed one comes before anything is sent. Beyond MaxOps and
// MaxTxn it fails with a *LimitError.
func (d *Dict) Txn(ctx context.Context, clauses ...Clause) (TxnResult, error) {
	var p proposal
	for _, add := range clauses {
		add(&p)
	}
	if p.err != nil {
		return TxnResult{}, p.err
	}
	done, err := d.write(ctx, p.txn)
	if err != nil {
		return TxnResult{}, err
	}
	return txnResult(done), nil
}

func txnResult(done result) TxnResult {
	if !done.branched {
		return TxnResult{Succeeded: true, Rev: done.rev, Results: []OpResult{{N: done.number}}}
	}
	r := TxnResult{Succeeded: done.held, Rev: done.rev}
	for _, part := range done.parts {
		r.Results = append(r.Results, OpResult{N: part.number})
	}
	return r
}
