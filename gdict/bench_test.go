package gdict

import (
	"fmt"
	"slices"
	"testing"
)

func filled(b *testing.B, n int) (*Dict, []string) {
	d := New(MaxTotal(256 << 20))
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("orders/group-%d/slot-%d", i%100, i)
		o := store{key: []byte(keys[i]), value: []byte("a value of some forty bytes, as orders are")}
		if r, err := decodeReply(d.apply(uint64(i+1), 1, encodeCommand(encodeOp(o), d.limits))); err != nil || r.err != nil {
			b.Fatal(err, r.err)
		}
	}
	return d, keys
}

func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d, keys := filled(b, n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, found := d.Find(keys[i%len(keys)]); !found {
					b.Fatal("missing")
				}
			}
		})
	}
}

func BenchmarkFindParallel(b *testing.B) {
	d, keys := filled(b, 1000)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			d.Find(keys[i%len(keys)])
		}
	})
}

// BenchmarkApplyStore is one member's work for one committed store: decode, decide, publish, encode the reply.
func BenchmarkApplyStore(b *testing.B) {
	for _, n := range []int{10, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d, keys := filled(b, n)
			cmds := make([][]byte, len(keys))
			for i, key := range keys {
				cmds[i] = encodeOp(store{key: []byte(key), value: make([]byte, 40)})
			}
			index := uint64(n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				index++
				d.apply(index, 1, cmds[i%len(cmds)])
			}
		})
	}
}

// BenchmarkApplyStoreOfASession is the same with writes of one session, of which 64 are always on their way; in batches of
// so many, as a group under load applies them, of keys that are there.
func BenchmarkApplyStoreOfASession(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			d, keys := filled(b, 10_000)
			index, seq := uint64(len(keys)), uint64(0)
			cmds := make([][]byte, 4096)
			b.ReportAllocs()
			for done := 0; done < b.N; done += len(cmds) {
				b.StopTimer()
				for i := range cmds {
					seq++
					t := requestID{session: 7, seq: seq, acknowledged: max(seq, 64) - 63}
					cmds[i] = encodeRequest(store{key: []byte(keys[seq%uint64(len(keys))]), value: make([]byte, 100)}, t)
				}
				b.StartTimer()
				for group := range slices.Chunk(cmds[:min(len(cmds), b.N-done)], batch) {
					d.batch(func() {
						for _, cmd := range group {
							index++
							d.step(index, 1, cmd)
						}
					})
				}
			}
		})
	}
}

// BenchmarkApplyStoreWatched is the same with ten watches that nobody reads.
func BenchmarkApplyStoreWatched(b *testing.B) {
	d, keys := filled(b, 1000)
	for range 10 {
		defer d.Watch("").Close()
	}
	cmd := encodeOp(store{key: []byte(keys[0]), value: make([]byte, 40)})
	index := uint64(1000)
	b.ReportAllocs()
	for b.Loop() {
		index++
		d.apply(index, 1, cmd)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	d, _ := filled(b, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		image, err := d.snapshot()
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(image)))
	}
}

func BenchmarkRestore(b *testing.B) {
	d, _ := filled(b, 100_000)
	image, err := d.snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(image)))
	for b.Loop() {
		if err := d.restore(image); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFindTyped is BenchmarkFind through a typed view: what it costs more is its codec.
func BenchmarkFindTyped(b *testing.B) {
	d, _ := filled(b, 1000)
	index := uint64(1000)
	put := func(key string, value string) {
		index++
		d.apply(index, 1, encodeCommand(encodeOp(store{key: []byte(key), value: []byte(value)}), d.limits))
	}
	texts, numbers, prices := Of[string, []byte](d, "texts"), Of[int, int64](d, "numbers"), Of[string, price](d, "prices")
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("group-%d/slot-%d", i%100, i)
		number, err := numbers.Key(i)
		if err != nil {
			b.Fatal(err)
		}
		put("texts/"+names[i], "a value of some forty bytes, as orders are")
		put("prices/"+names[i], `{"cents":120}`)
		put(number, "1234567")
	}
	b.Run("string to bytes", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, found, err := texts.Find(names[i%len(names)]); !found || err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("int to int64", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, found, err := numbers.Find(i % len(names)); !found || err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("string to JSON", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, found, err := prices.Find(names[i%len(names)]); !found || err != nil {
				b.Fatal(err)
			}
		}
	})
}
