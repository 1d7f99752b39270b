// Runs the 8.8 engine that Camunda publishes for process tests: `java TestEngine.java <port>`.
import io.camunda.zeebe.process.test.api.ZeebeTestEngine;
import io.camunda.zeebe.process.test.engine.EngineFactory;

public final class TestEngine {
  public static void main(String[] args) throws Exception {
    ZeebeTestEngine engine = EngineFactory.create(Integer.parseInt(args[0]));
    engine.start();
    Thread.currentThread().join();
  }
}
