package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// digestBytes is how many bytes of the hash a Digest has: enough to tell specifications apart by sight.
const digestBytes = 6

// Digest tells specifications apart. It is made from what the specification says with its defaults filled in, and not from
// the bytes of a file: comments, order of names and spelled-out defaults make no difference. It never changes for a
// validated Spec, and may differ between versions of this package.
func (s *Spec) Digest() string {
	text, err := json.Marshal(s) // maps by name, fields in the order of the types
	if err != nil {
		panic(fmt.Sprintf("spec: it does not encode: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:digestBytes])
}
