package gdict

import (
	"bytes"
	"cmp"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/gendac/gendac/gdict/internal/wire"
)

type (
	orderID  int32
	mask     uint8
	currency string
	blob     []byte
	price    struct {
		Cents int64  `json:"cents"`
		Of    string `json:"of,omitempty"`
	}
)

// TestOrderedKeysSortAsTheirNumbers: bytes sort as the numbers do and read back, for narrow, wide, signed and unsigned types.
func TestOrderedKeysSortAsTheirNumbers(t *testing.T) {
	t.Run("int64", func(t *testing.T) { rapid.Check(t, sorts(rapid.Int64())) })
	t.Run("int8", func(t *testing.T) { rapid.Check(t, sorts(rapid.Int8())) })
	t.Run("uint64", func(t *testing.T) { rapid.Check(t, sorts(rapid.Uint64())) })
	t.Run("uint16", func(t *testing.T) { rapid.Check(t, sorts(rapid.Uint16())) })
	t.Run("declared", func(t *testing.T) {
		rapid.Check(t, sorts(rapid.Custom(func(t *rapid.T) orderID { return orderID(rapid.Int32().Draw(t, "id")) })))
	})
}

func sorts[T Integer](gen *rapid.Generator[T]) func(*rapid.T) {
	return func(t *rapid.T) {
		a, b := gen.Draw(t, "a"), gen.Draw(t, "b")
		for _, codec := range []Codec[T]{Ordered[T](), keyCodec[T]()} {
			x, errX := codec.Append([]byte("prefix"), a)
			y, errY := codec.Append([]byte("prefix"), b)
			if errX != nil || errY != nil || bytes.Compare(x, y) != cmp.Compare(a, b) {
				t.Fatalf("%d is %x (%v), %d is %x (%v)", a, x, errX, b, y, errY)
			}
			if again, err := codec.Decode(x[len("prefix"):]); err != nil || again != a {
				t.Fatalf("%d comes back as %d, %v", a, again, err)
			}
		}
	}
}

// TestDecimalsAreWhatCountersAre: an integer value is the text that UpdateCounter writes, and nothing else is one.
func TestDecimalsAreWhatCountersAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		b, err := Decimal[int64]().Append(nil, n)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decimal[int64]().Decode(b)
		counter, countErr := Entry{Value: b}.Counter()
		if again != n || err != nil || counter != n || countErr != nil {
			t.Fatalf("%d is %q, comes back as %d (%v), counts as %d (%v)", n, b, again, err, counter, countErr)
		}
	})
	for _, text := range []string{"", "+1", "01", "-0", "1.0", " 1", "1e3", "9223372036854775808", "x"} {
		_, err := Decimal[int64]().Decode([]byte(text))
		_, countErr := Entry{Value: []byte(text)}.Counter()
		if err == nil || countErr == nil {
			t.Errorf("%q: %v, %v", text, err, countErr)
		}
	}
}

func TestNumbersThatDoNotFitAreErrors(t *testing.T) {
	refused := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s was decoded", name)
		}
	}
	wide, _ := Ordered[int64]().Append(nil, math.MinInt64)
	_, err := Ordered[int8]().Decode(wide)
	refused("the least int64 as an int8 key", err)
	_, err = keyCodec[orderID]().Decode(wide)
	refused("the least int64 as a declared int32 key", err)
	large, _ := Ordered[uint64]().Append(nil, math.MaxUint64)
	_, err = Ordered[uint32]().Decode(large)
	refused("the greatest uint64 as a uint32 key", err)
	_, err = keyCodec[mask]().Decode(large)
	refused("the greatest uint64 as a declared uint8 key", err)
	_, err = Ordered[int64]().Decode([]byte("short"))
	refused("a key of five bytes", err)
	_, err = Decimal[uint8]().Decode([]byte("256"))
	refused("256 as a uint8", err)
	_, err = Decimal[uint8]().Decode([]byte("-1"))
	refused("-1 as a uint8", err)
	_, err = Decimal[int8]().Decode([]byte("-129"))
	refused("-129 as an int8", err)
	_, err = valueCodec[mask]().Decode([]byte("256"))
	refused("256 as a declared uint8", err)
	_, err = valueCodec[orderID]().Decode([]byte("2147483648"))
	refused("2^31 as a declared int32", err)
}

// TestEveryTypeHasItsDefault: what a value of each kind of type looks like in the dictionary, and that it reads back.
func TestEveryTypeHasItsDefault(t *testing.T) {
	check(t, valueCodec[string](), "text", "text")
	check(t, valueCodec[currency](), "eur", "eur")
	check(t, valueCodec[[]byte](), []byte{0, 0xff}, "\x00\xff")
	check(t, valueCodec[blob](), blob{1}, "\x01")
	check(t, valueCodec[int](), -7, "-7")
	check(t, valueCodec[int8](), -128, "-128")
	check(t, valueCodec[int16](), 16, "16")
	check(t, valueCodec[int32](), 32, "32")
	check(t, valueCodec[int64](), math.MinInt64, "-9223372036854775808")
	check(t, valueCodec[uint](), 1, "1")
	check(t, valueCodec[uint8](), 255, "255")
	check(t, valueCodec[uint16](), 65535, "65535")
	check(t, valueCodec[uint32](), 32, "32")
	check(t, valueCodec[uint64](), math.MaxUint64, "18446744073709551615")
	check(t, valueCodec[uintptr](), 8, "8")
	check(t, valueCodec[orderID](), -5, "-5")
	check(t, valueCodec[mask](), 5, "5")
	check(t, valueCodec[price](), price{Cents: 120}, `{"cents":120}`)
	check(t, valueCodec[*price](), &price{Of: "tea"}, `{"cents":0,"of":"tea"}`)
	check(t, valueCodec[[]string](), []string{"a"}, `["a"]`)
	check(t, valueCodec[float64](), 0.5, "0.5")
	check(t, valueCodec[bool](), true, "true")
	check(t, keyCodec[string](), "k/\xff", "k/\xff")
	check(t, keyCodec[currency](), "eur", "eur")
	check(t, keyCodec[[]byte](), []byte("k"), "k")
	check(t, keyCodec[blob](), blob("k"), "k")
	check(t, keyCodec[uint8](), 1, "\x00\x00\x00\x00\x00\x00\x00\x01")
	check(t, keyCodec[mask](), 1, "\x00\x00\x00\x00\x00\x00\x00\x01")
	check(t, keyCodec[int](), -1, "\x7f\xff\xff\xff\xff\xff\xff\xff")

	message := &wire.Entry{Key: []byte("k"), Rev: 3}
	for _, codec := range []Codec[*wire.Entry]{valueCodec[*wire.Entry](), Proto[*wire.Entry]()} {
		b, err := codec.Append([]byte("before"), message)
		if err != nil || !strings.HasPrefix(string(b), "before") {
			t.Fatalf("a message: %q, %v", b, err)
		}
		if again, err := codec.Decode(b[len("before"):]); err != nil || !proto.Equal(again, message) {
			t.Errorf("a message comes back as %v, %v", again, err)
		}
		if _, err := codec.Decode([]byte{0xff}); err == nil {
			t.Error("bytes that are no message were decoded")
		}
	}
}

// check encodes v behind other bytes, compares what it looks like, and decodes it.
func check[T any](t *testing.T, codec Codec[T], v T, want string) {
	t.Helper()
	b, err := codec.Append([]byte("before"), v)
	if err != nil || string(b) != "before"+want {
		t.Errorf("%#v is %q (%v), wanted %q", v, b, err, want)
		return
	}
	again, err := codec.Decode([]byte(want))
	if err != nil {
		t.Errorf("%q does not come back: %v", want, err)
		return
	}
	if b, _ := codec.Append(nil, again); string(b) != want {
		t.Errorf("%q comes back as %#v", want, again)
	}
}

func TestACodecThatCannotExistPanicsAtOnce(t *testing.T) {
	for name, f := range map[string]func(){
		"keys without a default": func() { Of[price, string](New(), "prices") },
		"no name":                func() { Of[string, string](New(), "") },
		"any message":            func() { Proto[proto.Message]() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
