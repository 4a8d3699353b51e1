"""The tables of the DuckDB file, as the steps that make them.

A file remembers how many steps it has taken and takes the others when it is opened. A step that has been released is
never changed; a change of the tables is a new step at the end.
"""

STEPS = (
    """
    CREATE TABLE samples (
        time BIGINT NOT NULL,
        endpoint VARCHAR NOT NULL,
        prediction_id VARCHAR NOT NULL,
        plan BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        schema_version VARCHAR NOT NULL,
        entity VARCHAR,
        chosen VARCHAR,
        answered VARCHAR,
        attempts BIGINT,
        propensity DOUBLE,
        inclusion DOUBLE NOT NULL,
        status BIGINT,
        latency DOUBLE,
        rejected BOOLEAN NOT NULL,
        flaw VARCHAR,
        rows_seen BIGINT NOT NULL,
        n_violations BIGINT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE TABLE profiles (
        endpoint VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        bucket BIGINT NOT NULL,
        profile BLOB NOT NULL
    );
    CREATE TABLE counter_states (
        series VARCHAR NOT NULL,
        instance VARCHAR NOT NULL,
        start BIGINT NOT NULL,
        value BIGINT NOT NULL,
        PRIMARY KEY (series, instance, start)
    );
    CREATE TABLE counter_increments (
        metric VARCHAR NOT NULL,
        endpoint VARCHAR NOT NULL,
        label VARCHAR NOT NULL,
        kind VARCHAR NOT NULL,
        bucket BIGINT NOT NULL,
        increment BIGINT NOT NULL
    );
    CREATE TABLE model_references (
        endpoint VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (endpoint, model)
    );
    """,
    """
    CREATE TABLE shadows (
        time BIGINT NOT NULL,
        endpoint VARCHAR NOT NULL,
        prediction_id VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        revision BIGINT NOT NULL,
        inclusion DOUBLE NOT NULL,
        status BIGINT,
        latency DOUBLE,
        failure VARCHAR,
        body BLOB NOT NULL
    );
    """,
    """
    ALTER TABLE samples ADD COLUMN forced BOOLEAN DEFAULT false;
    """,
    """
    CREATE TABLE windows (
        endpoint VARCHAR NOT NULL,
        model VARCHAR NOT NULL,
        arm VARCHAR NOT NULL,
        slice VARCHAR NOT NULL,
        start BIGINT NOT NULL,
        inclusion DOUBLE NOT NULL,
        width BIGINT NOT NULL,
        profile BLOB NOT NULL
    );
    INSERT INTO windows SELECT endpoint, model, model, '', bucket, 1, 60000000000, profile FROM profiles;
    DROP TABLE profiles;
    """,
)
