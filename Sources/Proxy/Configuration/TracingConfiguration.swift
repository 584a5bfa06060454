// `frontendPolicies.tracing`: which requests are traced, and where spans are sent.

import Auth

package struct TracingConfiguration: Sendable {
    /// An OpenTelemetry collector that takes OTLP over HTTP.
    package var collector: UpstreamAddress?
    package var path: String
    /// The share of requests without a trace of their own that begin one.
    package var randomSampling: Double
    /// The share of requests that say that they are traced whose trace goes on here.
    package var clientSampling: Double
    package var position: FilePosition

    package init(
        collector: UpstreamAddress? = nil, path: String = "/v1/traces", randomSampling: Double = 0,
        clientSampling: Double = 1, position: FilePosition = .none
    ) {
        self.collector = collector
        self.path = path
        self.randomSampling = randomSampling
        self.clientSampling = clientSampling
        self.position = position
    }
}
