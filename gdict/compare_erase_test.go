package gdict

import (
	"errors"
	"testing"
)

func TestCompareAndEraseErasesOnlyWhatItSaw(t *testing.T) {
	d := filledWith(t, "k", "other")
	if _, err := d.Store(t.Context(), "k", []byte("newer")); err != nil {
		t.Fatal(err)
	}
	conflict := (*ConflictError)(nil)
	if _, err := d.CompareAndErase(t.Context(), "k", 1); !errors.As(err, &conflict) || *conflict != (ConflictError{"k", 1, 3}) {
		t.Errorf("at an old revision: %v", err)
	}
	if !d.View().IsKey("k") {
		t.Error("it is gone")
	}
	if rev, err := d.CompareAndErase(t.Context(), "k", 3); err != nil || rev != 5 || d.View().IsKey("k") {
		t.Errorf("at its own revision: %d, %v", rev, err)
	}
	if _, err := d.CompareAndErase(t.Context(), "k", 3); !errors.As(err, &conflict) || *conflict != (ConflictError{"k", 3, 0}) {
		t.Errorf("once more: %v", err)
	}
	if _, err := d.CompareAndErase(t.Context(), "", 1); err == nil {
		t.Error("an empty key is accepted")
	}
}
