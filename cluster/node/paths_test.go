package node

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/behaviours/genleader/disk"
)

func TestNamesOnDiskFitAndDiffer(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{
		".", "..", "%2E", "shop", "shop.lock", "shop%2Elock", "shop.lock.lock", ".lock", "%2Elock", "a/b", "a%2Fb",
		strings.Repeat("\u2603", 30), strings.Repeat("\u2603", 31), strings.Repeat("x", 250), strings.Repeat("x", 249) + ".lock",
	} {
		made := pathName(name)
		if other, taken := seen[made]; taken {
			t.Errorf("%q and %q are both %q", name, other, made)
		}
		seen[made] = name
		dir := filepath.Join(t.TempDir(), made)
		for _, path := range []string{dir, dir + lockSuffix} {
			if err := os.Mkdir(path, 0o700); err != nil || filepath.Dir(path) == filepath.Clean(path) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	for made := range seen {
		if _, lock := seen[strings.TrimSuffix(made, lockSuffix)]; lock && strings.HasSuffix(made, lockSuffix) {
			t.Errorf("the directory %q has the name of another one's lock", made)
		}
	}
	names := rapid.StringMatching(`[a-b./%\x{2603}]{0,60}(\.lock)?`)
	rapid.Check(t, func(t *rapid.T) {
		one, two := names.Draw(t, "one"), names.Draw(t, "two")
		if a, b := pathName(one), pathName(two); one != two && a == b || a == b+lockSuffix || len(a+lockSuffix) > 255 {
			t.Fatalf("%q is %q, %q is %q", one, a, two, b)
		}
	})
}

// TestNamesOnDiskDifferWhereCaseIsIgnored, as on macOS: no two names have paths that are equal once every letter is folded
// as Unicode does it. The Kelvin sign folds to k, and the long s to s.
func TestNamesOnDiskDifferWhereCaseIsIgnored(t *testing.T) {
	folded := func(name string) string {
		for _, special := range []struct{ from, to string }{{"\u017f", "s"}, {"\u212a", "k"}, {"\u1e9e", "ss"}, {"\u00df", "ss"}} {
			name = strings.ReplaceAll(name, special.from, special.to)
		}
		return strings.ToLower(strings.ToUpper(name))
	}
	seen := map[string]string{}
	for _, name := range []string{
		"shop", "Shop", "SHOP", "!shop", "%21shop", "%53hop", "k", "K", "\u212a", "s\u017f", "ss", "\u00df", "\u1e9e", "\u00c4", "\u00e4",
		"shop.lock", "shop.LOCK", "Shop.lock", "%2elock", "%2Elock", strings.Repeat("x", 200), strings.Repeat("X", 200), strings.Repeat("X", 199) + "x",
	} {
		made := folded(pathName(name))
		if other, taken := seen[made]; taken {
			t.Errorf("%q and %q are both %q", name, other, made)
		}
		seen[made] = name
	}
	if made := pathName("Shop"); made != "!shop" {
		t.Errorf("Shop is %q, which nobody can read", made)
	}
	names := rapid.OneOf(rapid.StringMatching(`[a-cA-CkKsS\x{212a}\x{17f}!%x./]{0,8}(\.lock|\.LOCK)?`), rapid.StringMatching(`[xX]{236,240}`))
	rapid.Check(t, func(t *rapid.T) {
		one, two := names.Draw(t, "one"), names.Draw(t, "two")
		a, b := folded(pathName(one)), folded(pathName(two))
		if one != two && a == b || a == folded(pathName(two)+lockSuffix) || len(pathName(one)+lockSuffix) > 255 {
			t.Fatalf("%q is %q, %q is %q", one, a, two, b)
		}
	})
}

// Formerly the lock of the one was the directory of the other.
func TestGroupsCalledShopAndShopLockDoNotExcludeEachOther(t *testing.T) {
	dir := t.TempDir()
	for _, group := range []string{"shop", "shop.lock", strings.Repeat("\u2603", 30)} {
		s, err := disk.Open(filepath.Join(dir, pathName(group)), disk.Owner{Cluster: "c", Group: group, Member: "a1"}, 1)
		if err != nil {
			t.Fatalf("%s: %v", group, err)
		}
		defer func() { _ = s.Close() }()
	}
}

// An address is right for the member when it is right for the check, however it is written.
func TestAnAddressIsComparedAsItIsWritten(t *testing.T) {
	for _, host := range []string{"localhost", "0:0:0:0:0:0:0:1"} {
		_, port, err := net.SplitHostPort(closedAddress(t))
		if err != nil {
			t.Fatal(err)
		}
		addr := net.JoinHostPort(host, port)
		cfg := soloConfig(t, make(chan struct{}))
		m := cfg.Spec.Members["a1"]
		m.Addr = addr
		cfg.Spec.Members["a1"] = m
		n, err := Start(cfg)
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		_ = n.Stop(t.Context())
	}
}
