package com.exo.gpu

/** Models of other machines, by the API of a node. */
public class Cluster private constructor(id: Long) : Handle(id, Native::clusterClose) {
    /** What `GET /v1/models` answers. Waits. */
    public val models: String
        get() = Native.clusterModels(id)

    /** What `GET /v1/cluster` answers. Waits. */
    public val json: String
        get() = Native.clusterJson(id)

    /** Stays usable when the cluster is closed. Each use checks the name. */
    public fun model(name: String): Model = Model(Native.clusterModel(id, name))

    /** Opens clusters. */
    public companion object {
        /** [address]: "HOST[:PORT]" of a node's API. Each call connects, this one does not. */
        public fun open(context: Context, address: String, key: String? = null): Cluster =
            Cluster(Native.clusterOpen(context.id, address, key))
    }
}
