package kube

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gitlab.com/f5-pwe/kog/v3/executor"
)

// call is one kind of request, for messages.
type call struct{ verb, resource string }

// translate turns an error of the library into one of package executor. A nil
// error stays nil.
func (e *Executor) translate(ctx context.Context, c call, err error) error {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case isRefusal(err) && errors.As(err, &status):
		return e.refused(c, status.Status(), err)
	case isPassing(err):
		return fmt.Errorf("%s: %w: %w", e.config.Host, brief(err), errGone)
	}
	return brief(err)
}

var errGone = errors.Join(executor.ErrEngineGone, executor.ErrUnreachable)

// isRefusal: the server has looked at the request and did not do it.
func isRefusal(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= 400 && code < 500 && !apierrors.IsTooManyRequests(err) && !apierrors.IsTimeout(err)
}

// isPassing: the server or the way to it is away, or too busy.
func isPassing(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	code := status.Status().Code
	return code >= 500 || code == 0 || code == 429 || code == 408
}

func (e *Executor) refused(c call, s metav1.Status, err error) error {
	switch {
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("%s does not know who you are: log in again, or mend the user of the context: %w", e.config.Host, executor.ErrUnauthorized)
	case isQuota(err):
		return errors.New(s.Message)
	case apierrors.IsForbidden(err) && strings.Contains(s.Message, "cannot"):
		return &rightError{verb: c.verb, resource: c.resource, namespace: e.namespace}
	case apierrors.IsNotFound(err) && s.Details != nil && s.Details.Kind == "namespaces":
		return fmt.Errorf("namespace %s does not exist: make it, or choose another with 'kubectl config set-context --current --namespace NAME'", e.namespace)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s: %w", s.Message, executor.ErrNotFound)
	}
	return errors.New(s.Message)
}

// isQuota: a ResourceQuota does not allow it now.
func isQuota(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota")
}

// rightError is a right that the user of the context lacks.
type rightError struct{ verb, resource, namespace string }

func (e *rightError) Error() string {
	return fmt.Sprintf("cannot %s %s in namespace %s: docs/kubernetes.md has the Role that is needed", e.verb, e.resource, e.namespace)
}

func (e *rightError) Unwrap() error { return executor.ErrUnauthorized }

// brief drops the address and the words of the HTTP client in front of what
// matters.
func brief(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		if _, isAddress := err.(interface{ Timeout() bool }); !isAddress {
			return err
		}
		err = inner
	}
}
