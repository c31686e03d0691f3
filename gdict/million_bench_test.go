package gdict

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/gendac/gendac/gdict/internal/wire"
)

const million = 1_000_000

// BenchmarkMillion takes, writes and reads a dictionary of a million small keys. What a key takes is measured on the
// heap after a restore, and what it counts is beside it.
func BenchmarkMillion(b *testing.B) {
	whole := madeUp(b, million)
	d := New(MaxTotal(1 << 30))
	if err := d.restore(whole); err != nil {
		b.Fatal(err)
	}
	counts := float64(d.now.Load().size) / million
	perKey := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/million, "ns/key")
	}
	b.Run("take", func(b *testing.B) {
		for b.Loop() {
			_ = d.image()
		}
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.image().WriteTo(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
		perKey(b)
		b.ReportMetric(float64(len(whole))/million, "B/key-encoded")
	})
	d = nil
	b.Run("restore", func(b *testing.B) {
		var took float64
		for b.Loop() {
			b.StopTimer()
			before := heap()
			again := New(MaxTotal(1 << 30))
			b.StartTimer()
			if err := again.restore(whole); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			took = float64(heap()-before) / million
			runtime.KeepAlive(again)
			b.StartTimer()
		}
		perKey(b)
		b.ReportMetric(took, "B/key-held")
		b.ReportMetric(counts, "B/key-counted")
	})
}

// madeUp is a snapshot of n entries, of some 25 and 40 bytes.
func madeUp(b *testing.B, n int) []byte {
	var whole bytes.Buffer
	r := recordWriter{to: bufio.NewWriter(&whole)}
	r.write(recordHead, &wire.SnapshotHead{Version: snapshotVersion, Rev: uint64(n)})
	image{}.writeLedger(&r)
	for i := range n {
		r.write(recordEntry, &wire.Entry{
			Key: fmt.Appendf(nil, "orders/group-%d/slot-%07d", 10+i*90/n, i), Value: []byte("a value of some forty bytes, as orders are"), Rev: uint64(i + 1),
		})
		r.count++
	}
	r.write(recordTail, &wire.SnapshotTail{Count: r.count, Crc: r.crc})
	if err := r.to.Flush(); err != nil || r.err != nil {
		b.Fatal(err, r.err)
	}
	return whole.Bytes()
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
