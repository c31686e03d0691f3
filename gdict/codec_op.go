package gdict

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/gdict/internal/wire"
)

func opMessage(o op) *wire.Op {
	m := &wire.Op{}
	switch o := o.(type) {
	case store:
		m.Kind = &wire.Op_Store{Store: &wire.Store{Key: o.key, Value: o.value, Owner: ownerMessage(o.owner)}}
	case erase:
		m.Kind = &wire.Op_Erase{Erase: &wire.Erase{Key: o.key}}
	case erasePrefix:
		m.Kind = &wire.Op_ErasePrefix{ErasePrefix: &wire.ErasePrefix{Prefix: o.prefix}}
	case updateCounter:
		m.Kind = &wire.Op_UpdateCounter{UpdateCounter: &wire.UpdateCounter{Key: o.key, Delta: o.delta}}
	case compareAndStore:
		m.Kind = &wire.Op_CompareAndStore{CompareAndStore: &wire.CompareAndStore{
			Key: o.key, Rev: o.rev, Value: o.value, Owner: ownerMessage(o.owner),
		}}
	case ownActor:
		m.Kind = &wire.Op_OwnActor{OwnActor: ownerMessage(&o.owner)}
	case disown:
		m.Kind = &wire.Op_Disown{Disown: ownerMessage(&o.owner)}
	case memberEnds:
		m.Kind = &wire.Op_MemberEnds{MemberEnds: &wire.MemberEnds{
			Name: []byte(o.member.Name), Incarnation: o.member.Incarnation, How: uint32(o.how),
		}}
	case appendBytes:
		m.Kind = &wire.Op_Append{Append: &wire.Append{Key: o.key, Data: o.data}}
	case appendList:
		m.Kind = &wire.Op_AppendList{AppendList: &wire.AppendList{Key: o.key, Values: o.values}}
	case update:
		m.Kind = &wire.Op_Update{Update: &wire.Update{Key: o.key, Function: o.function.message(), Arg: o.arg, Initial: o.initial}}
	case updated:
		m.Kind = &wire.Op_Updated{Updated: updatedMessage(o)}
	case txn:
		t := &wire.Txn{}
		for _, c := range o.ifs {
			t.Conditions = append(t.Conditions, condMessage(c))
		}
		for _, part := range o.then {
			t.Then = append(t.Then, opMessage(part))
		}
		for _, part := range o.otherwise {
			t.Otherwise = append(t.Otherwise, opMessage(part))
		}
		m.Kind = &wire.Op_Txn{Txn: t}
	}
	return m
}

func condMessage(c cond) *wire.Condition {
	m := &wire.Condition{}
	switch c := c.(type) {
	case revIs:
		m.Key, m.Kind = c.key, &wire.Condition_Rev{Rev: c.rev}
	case exists:
		m.Key, m.Kind = c.key, &wire.Condition_Exists{Exists: &wire.Exists{}}
	case valueIs:
		m.Key, m.Kind = c.key, &wire.Condition_Value{Value: c.value}
		if c.not {
			m.Kind = &wire.Condition_OtherValue{OtherValue: c.value}
		}
	case counterIn:
		m.Key, m.Kind = c.key, &wire.Condition_Counter{Counter: &wire.Range{Min: c.min, Max: c.max}}
	}
	return m
}

// kindOf reads what an operation does. It returns a *RefusedError if this code does not know it completely.
func kindOf(m *wire.Op) (op, error) {
	var o op
	var inner proto.Message
	switch kind := m.GetKind().(type) {
	case *wire.Op_Store:
		o, inner = store{key: kind.Store.GetKey(), value: kind.Store.GetValue(), owner: ownerIn(kind.Store.GetOwner())}, kind.Store
	case *wire.Op_Erase:
		o, inner = erase{key: kind.Erase.GetKey()}, kind.Erase
	case *wire.Op_ErasePrefix:
		o, inner = erasePrefix{prefix: kind.ErasePrefix.GetPrefix()}, kind.ErasePrefix
	case *wire.Op_UpdateCounter:
		k := kind.UpdateCounter
		o, inner = updateCounter{key: k.GetKey(), delta: k.GetDelta()}, k
	case *wire.Op_CompareAndStore:
		k := kind.CompareAndStore
		o, inner = compareAndStore{key: k.GetKey(), rev: k.GetRev(), value: k.GetValue(), owner: ownerIn(k.GetOwner())}, k
	case *wire.Op_OwnActor:
		o, inner = ownActor{owner: *ownerIn(kind.OwnActor)}, kind.OwnActor
	case *wire.Op_Disown:
		o, inner = disown{owner: *ownerIn(kind.Disown)}, kind.Disown
	case *wire.Op_MemberEnds:
		k := kind.MemberEnds
		end := memberEnds{member: genleader.Member{Name: string(k.GetName()), Incarnation: k.GetIncarnation()}, how: howEnded(k.GetHow())}
		if end.how < ended || end.how > lapsed {
			return nil, &RefusedError{Problem: "a member that ends nobody knows how"}
		}
		o, inner = end, k
	case *wire.Op_Append:
		o, inner = appendBytes{key: kind.Append.GetKey(), data: kind.Append.GetData()}, kind.Append
	case *wire.Op_AppendList:
		o, inner = appendList{key: kind.AppendList.GetKey(), values: kind.AppendList.GetValues()}, kind.AppendList
	case *wire.Op_Update, *wire.Op_Updated:
		var err error
		if o, inner, err = decodeUpdate(m); err != nil {
			return nil, err
		}
	case *wire.Op_Txn:
		t, err := decodeTxn(kind.Txn)
		if err != nil {
			return nil, err
		}
		o, inner = t, kind.Txn
	default:
		return nil, &RefusedError{Problem: "unknown kind of operation"}
	}
	if !known(m, inner) || !knownOwner(m) {
		return nil, &RefusedError{Problem: "operation with unknown fields"}
	}
	return o, nil
}

func decodeTxn(m *wire.Txn) (txn, error) {
	var t txn
	for _, c := range m.GetConditions() {
		decoded, err := decodeCond(c)
		if err != nil {
			return txn{}, err
		}
		t.ifs = append(t.ifs, decoded)
	}
	var err error
	if t.then, err = decodeBranch(m.GetThen()); err == nil {
		t.otherwise, err = decodeBranch(m.GetOtherwise())
	}
	return t, err
}

func decodeBranch(parts []*wire.Op) (branch []op, err error) {
	for _, m := range parts {
		if m.GetVersion() != 0 || m.GetSession() != 0 || m.GetSeq() != 0 || m.GetAcknowledged() != 0 || m.GetBorn() != 0 || m.GetLimits() != nil {
			return nil, &RefusedError{Problem: "an operation with more than its kind within a transaction"}
		}
		if m.GetTxn() != nil || m.GetUpdate() != nil || m.GetUpdated() != nil {
			return nil, &RefusedError{Problem: "an operation within a transaction that has to stand alone"}
		}
		o, err := kindOf(m)
		if err != nil {
			return nil, err
		}
		branch = append(branch, o)
	}
	return branch, nil
}

func decodeCond(m *wire.Condition) (cond, error) {
	if !known(m) {
		return nil, &RefusedError{Problem: "condition with unknown fields"}
	}
	key := m.GetKey()
	switch kind := m.GetKind().(type) {
	case *wire.Condition_Rev:
		return revIs{key: key, rev: kind.Rev}, nil
	case *wire.Condition_Exists:
		if !known(kind.Exists) {
			return nil, &RefusedError{Problem: "condition with unknown fields"}
		}
		return exists{key: key}, nil
	case *wire.Condition_Value:
		return valueIs{key: key, value: kind.Value}, nil
	case *wire.Condition_OtherValue:
		return valueIs{key: key, value: kind.OtherValue, not: true}, nil
	case *wire.Condition_Counter:
		if !known(kind.Counter) {
			return nil, &RefusedError{Problem: "condition with unknown fields"}
		}
		return counterIn{key: key, min: kind.Counter.GetMin(), max: kind.Counter.GetMax()}, nil
	default:
		return nil, &RefusedError{Problem: "unknown kind of condition"}
	}
}

// known tells whether no message has a field that this code does not know.
func known(messages ...protoreflect.ProtoMessage) bool {
	for _, m := range messages {
		if len(m.ProtoReflect().GetUnknown()) > 0 {
			return false
		}
	}
	return true
}

func ownerMessage(o *Owner) *wire.Owner {
	if o == nil {
		return nil
	}
	return &wire.Owner{Name: []byte(o.Member.Name), Incarnation: o.Member.Incarnation, Actor: o.actor, Leased: o.leased}
}

// ownerIn returns nil for no owner.
func ownerIn(m *wire.Owner) *Owner {
	if m == nil {
		return nil
	}
	return &Owner{
		Member: genleader.Member{Name: string(m.GetName()), Incarnation: m.GetIncarnation()},
		actor:  m.GetActor(), leased: m.GetLeased(),
	}
}

// knownOwner tells whether the owner that an operation names has only fields that this code knows.
func knownOwner(m *wire.Op) bool {
	owner := m.GetStore().GetOwner()
	if owner == nil {
		owner = m.GetCompareAndStore().GetOwner()
	}
	return owner == nil || known(owner)
}
