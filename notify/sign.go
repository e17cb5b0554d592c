package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const secretPrefix = "whsec_"

// Secret signs notifications; the zero Secret does not.
type Secret struct{ key []byte }

// ParseSecret reads "whsec_" and the base64 of 24 to 64 bytes. An empty text
// is no secret. Errors do not quote the text.
// Source of the rule: Standard Webhooks 1.0.0, "Signature scheme".
func ParseSecret(text string) (Secret, error) {
	if text == "" {
		return Secret{}, nil
	}
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case !ok || err != nil:
		return Secret{}, errors.New("want whsec_ and base64, as `echo whsec_$(head -c 32 /dev/urandom | base64)` gives it")
	case len(key) < 24 || len(key) > 64:
		return Secret{}, fmt.Errorf("%d bytes behind whsec_: want 24 to 64", len(key))
	}
	return Secret{key: key}, nil
}

// String hides the secret.
func (s Secret) String() string { return "***" }

// GoString hides the secret.
func (s Secret) GoString() string { return "***" }

// sign sets the headers of a signed notification; webhook-id is always set.
func (s Secret) sign(h http.Header, n Notification, now time.Time) {
	h.Set("Webhook-Id", n.ID)
	if s.key == nil {
		return
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(n.ID + "." + stamp + "."))
	mac.Write(n.Body)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
