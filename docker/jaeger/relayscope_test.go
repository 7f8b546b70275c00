// Runs Jaeger's storage suite against a running Relayscope. Copy it to internal/storage/integration of a checkout of Jaeger;
// docs/jaeger.md tells how it is started.

package integration

import (
	"context"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/jaegertracing/jaeger/internal/storage/integration/capabilities"
	"github.com/jaegertracing/jaeger/internal/storage/v2/grpc"
	"github.com/jaegertracing/jaeger/internal/telemetry"
)

func TestRelayscope(t *testing.T) {
	at := func(variable string) configgrpc.ClientConfig {
		return configgrpc.ClientConfig{Endpoint: os.Getenv(variable), TLS: configtls.ClientConfig{Insecure: true}}
	}
	config := grpc.Config{ClientConfig: at("RELAYSCOPE_GRPC"), Writer: at("RELAYSCOPE_OTLP")}
	factory, err := grpc.NewFactory(context.Background(), config, telemetry.NoopSettings())
	require.NoError(t, err)
	defer factory.Close()

	// Everything is asked for: nothing is left out that the protocol can do.
	suite := StorageIntegration{Capabilities: capabilities.Capabilities{}}
	suite.TraceReader, err = factory.CreateTraceReader()
	require.NoError(t, err)
	suite.TraceWriter, err = factory.CreateTraceWriter()
	require.NoError(t, err)
	// The suite looks for what is left running, idle connections included.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	suite.CleanUp = func(t *testing.T) {
		answer, err := client.Post(os.Getenv("RELAYSCOPE_URL")+"/purge", "", nil)
		require.NoError(t, err)
		defer answer.Body.Close()
		require.Equal(t, http.StatusOK, answer.StatusCode)
	}
	suite.RunAll(t)
}
