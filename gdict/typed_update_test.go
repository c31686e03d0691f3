package gdict

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
)

// markUp raises a price, and not below nothing.
var markUp = TypedFunction[price, int64]{Name: "mark up", Version: 2, Update: func(old price, by int64) (price, error) {
	if old.Cents+by < 0 {
		return price{}, errors.New("less than nothing")
	}
	old.Cents += by
	return old, nil
}}

func TestATypedFunctionUpdatesTypedValues(t *testing.T) {
	d, other := New(Functions(markUp.Function())), New()
	newTestLog(d, other)
	ctx := t.Context()
	prices := Of[string, price](other, "prices")
	if _, err := prices.Update(ctx, "eur", markUp.With(5)); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing to update: %v", err)
	}
	if item, err := prices.UpdateOr(ctx, "eur", markUp.With(5), price{Cents: 100, Of: "eur"}); err != nil || item.Value.Cents != 100 {
		t.Errorf("%v, %v", item, err)
	}
	item, err := prices.UpdateOr(ctx, "eur", markUp.With(5), price{})
	if err != nil || item.Key != "eur" || item.Value != (price{105, "eur"}) {
		t.Errorf("%v, %v", item, err)
	}
	if item, err = prices.Update(ctx, "eur", markUp.With(-5)); err != nil || item.Value != (price{100, "eur"}) {
		t.Errorf("%v, %v", item, err)
	}
	if found, err := prices.Fetch("eur"); err != nil || found != item {
		t.Errorf("%v, %v, was %v", found, err, item)
	}
	failed := (*UpdateError)(nil)
	if _, err := prices.Update(ctx, "eur", markUp.With(-101)); !errors.As(err, &failed) || failed.Problem != "less than nothing" {
		t.Errorf("%v", err)
	}
}

// TestATypedFunctionSaysWhatItCannotRead: a foreign value is the error of that update.
func TestATypedFunctionSaysWhatItCannotRead(t *testing.T) {
	picky := TypedFunction[string, int8]{Name: "picky", Version: 1, Value: JSON[string](), Update: func(string, int8) (string, error) { return "", nil }}
	broken := TypedFunction[func(), int8]{Name: "broken", Version: 1, Value: broken{}, Update: func(func(), int8) (func(), error) { return nil, nil }}
	d := New(Functions(picky.Function(), broken.Function()))
	newTestLog(d)
	ctx := t.Context()
	if _, err := d.Store(ctx, "k", []byte("no JSON")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Store(ctx, "j", []byte(`"JSON"`)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key, want string
		function  Function
		arg       string
	}{
		{"k", "cannot decode the value as string: ", picky.Function(), "1"},
		{"j", "cannot decode the argument as int8: it is not a decimal number that fits", picky.Function(), "300"},
		{"j", "cannot encode the new value as func(): broken", broken.Function(), "1"},
	} {
		failed := (*UpdateError)(nil)
		if _, err := d.Update(ctx, c.key, c.function, []byte(c.arg)); !errors.As(err, &failed) || !strings.Contains(failed.Problem, c.want) {
			t.Errorf("%v, wanted %q", err, c.want)
		}
	}
}

type broken struct{}

func (broken) Append(dst []byte, _ func()) ([]byte, error) { return dst, errors.New("broken") }
func (broken) Decode([]byte) (func(), error)               { return nil, nil }

// TestAnUpdateThatTheViewCannotReadIsDoneAllTheSame: on the leader another function has the name, and the item says so.
func TestAnUpdateThatTheViewCannotReadIsDoneAllTheSame(t *testing.T) {
	d := New(Functions(raise))
	newTestLog(d)
	numbers := Of[string, int](d, "numbers")
	if _, err := numbers.Store(t.Context(), "k", 1); err != nil {
		t.Fatal(err)
	}
	bad := (*CodecError)(nil)
	item, err := numbers.Update(t.Context(), "k", TypedFunction[int, string]{Name: raise.Name, Version: raise.Version}.With("+"))
	if !errors.As(err, &bad) || bad.Doing != doDecode || item.Key != "k" || item.Rev != 2 {
		t.Errorf("%v, %v", item, err)
	}
	if entry, _ := d.Find("numbers/k"); string(entry.Value) != "1+" {
		t.Errorf("%q", entry.Value)
	}
}

// TestAnUpdateWithoutAFunctionIsNotSent: the zero Call, and the zero Function.
func TestAnUpdateWithoutAFunctionIsNotSent(t *testing.T) {
	d := New()
	d.Attach(callerFunc(func(context.Context, []byte) ([]byte, error) {
		t.Error("it was sent")
		return nil, genleader.ErrUncertain
	}))
	numbers := Of[string, int](d, "numbers")
	_, typed := numbers.Update(t.Context(), "k", Call[int]{})
	_, typedOr := numbers.UpdateOr(t.Context(), "k", Call[int]{}, 1)
	_, plain := d.Update(t.Context(), "numbers/k", Function{}, nil)
	_, plainOr := d.UpdateOr(t.Context(), "numbers/k", Function{}, nil, nil)
	for _, err := range []error{typed, typedOr, plain, plainOr} {
		refused := (*RefusedError)(nil)
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), `key "numbers/k"`) || !strings.Contains(err.Error(), "With") {
			t.Errorf("%v", err)
		}
	}
}

// TestAnUpdateThatCannotBeEncodedIsNotSent: the key, the argument and the initial value.
func TestAnUpdateThatCannotBeEncodedIsNotSent(t *testing.T) {
	call := TypedFunction[int64, func()]{Name: "f", Version: 1}.With(func() {})
	fine := TypedFunction[int64, int]{Name: "f", Version: 1}.With(1)
	d := New()
	newTestLog(d)
	ctx := t.Context()
	numbers, keys := Of[string, int64](d, "numbers"), Of(d, "keys", Codecs[string, int64]{Key: refusing{}})
	unreadable := Of[string, func()](d, "values")
	of := TypedFunction[func(), int]{Name: "f", Version: 1}.With(1)
	for _, c := range []struct {
		err  error
		want string
	}{
		{second(numbers.Update(ctx, "k", call)), `key "numbers/k": cannot encode the argument of its update as func(): `},
		{second(numbers.UpdateOr(ctx, "j", call, 1)), `key "numbers/j": cannot encode the argument of its update as func(): `},
		{second(keys.Update(ctx, "k", fine)), "cannot encode a key of type string: refusing"},
		{second(keys.UpdateOr(ctx, "k", fine, 1)), "cannot encode a key of type string: refusing"},
		{second(unreadable.UpdateOr(ctx, "k", of, func() {})), `key "values/k": cannot encode its value as func(): `},
	} {
		bad := (*CodecError)(nil)
		if !errors.As(c.err, &bad) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v, wanted %q", c.err, c.want)
		}
	}
	if d.View().Rev() != 0 {
		t.Error("something was sent")
	}
}

// TestATypedFunctionMustBeWhole: what Functions refuses of a Function it refuses of a typed one.
func TestATypedFunctionMustBeWhole(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a function without a body was taken")
		}
	}()
	New(Functions(TypedFunction[int, int]{Name: "f"}.Function()))
}
