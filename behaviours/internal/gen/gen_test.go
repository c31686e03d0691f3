package gen

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/gendac/gendac/behaviours/process"
)

type (
	empty   struct{}
	one     struct{ P *int }
	several struct {
		A int
		B string
		c []byte
	}
)

// holds says what came of a message that was cast.
func holds[M any](msg M) (got any, as string, carried any) {
	var sent any = Cast[M]{Msg: msg} // as it lies in a mailbox
	as, carried = sent.(process.Carried).Carried()
	return Body(sent.(Casted)), as, carried
}

func TestACastHoldsItsMessageUnchangedWhateverThatIs(t *testing.T) {
	n, err := 7, errors.New("boom")
	var none *int
	var nothing any
	check := func(got any, as string, carried any) func(want any) {
		return func(want any) {
			t.Helper()
			if as != "cast" || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(carried, want) || reflect.TypeOf(got) != reflect.TypeOf(want) {
				t.Errorf("got %#v, carried as %s %#v, want %#v", got, as, carried, want)
			}
		}
	}
	check(holds(n))(n)
	check(holds(&n))(&n)
	check(holds(none))(none)
	check(holds("text"))("text")
	check(holds(empty{}))(empty{})
	check(holds(one{&n}))(one{&n})
	check(holds([1]*int{&n}))([1]*int{&n})
	check(holds(several{1, "b", []byte("c")}))(several{1, "b", []byte("c")})
	check(holds(map[string]int{"a": 1}))(map[string]int{"a": 1})
	check(holds(err))(err)
	check(holds(any(several{A: 2})))(several{A: 2})
	check(holds(nothing))(nil)
	got, _, _ := holds(func() string { return "called" })
	if f, ok := got.(func() string); !ok || f() != "called" {
		t.Errorf("got %T", got)
	}
}

func TestTheBodyOfACastIsNoCopy(t *testing.T) {
	for name, c := range map[string]Casted{
		"struct": Cast[several]{several{A: 1}}, "pointer": Cast[*several]{&several{}}, "any": Cast[any]{several{}},
	} {
		var body any
		if n := testing.AllocsPerRun(100, func() { body = Body(c) }); n != 0 {
			t.Errorf("%s: %v allocations for %s", name, n, fmt.Sprint(body))
		}
	}
}
