package notify

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestSignature(t *testing.T) {
	s, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	s.sign(h, Notification{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Body: []byte(`{"test": 2432232314}`)}, time.Unix(1614265330, 0))
	const want = "map[Webhook-Id:[msg_p5jXN8AQM9LWM0D4loKWxJek] Webhook-Signature:[v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=] Webhook-Timestamp:[1614265330]]"
	if got := fmt.Sprint(h); got != want {
		t.Errorf("headers\n%s\nwant\n%s", got, want)
	}
}

func TestSecretsAreChecked(t *testing.T) {
	for _, text := range []string{
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa", "whsec_!!!!",
		"whsec_" + strings.Repeat("QUJD", 22),
	} {
		_, err := ParseSecret(text)
		if err == nil {
			t.Errorf("secret %q accepted", text)
		} else if len(text) > 6 && strings.Contains(err.Error(), text[6:]) {
			t.Errorf("the error quotes the secret: %v", err)
		}
	}
	s, err := ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if text := fmt.Sprintf("%v %+v %#v", s, s, HTTPOptions{Secret: s}); err != nil || strings.Contains(text, "242") || strings.Contains(text, "0x") {
		t.Errorf("printed as %s, %v", text, err)
	}
	h := http.Header{}
	if s, err = ParseSecret(""); err != nil {
		t.Fatal(err)
	}
	s.sign(h, Notification{ID: "r-2"}, time.Unix(1, 0))
	if len(h) != 1 || h.Get("webhook-id") != "r-2" {
		t.Errorf("without a secret: %v", h)
	}
}
